-- MD5 as libraries write it where there are no operators for bits: bits by arithmetic, and bytes
-- that change places by multiple assignment.

local function combine(a, b, truth)
  local result, bit = 0, 1
  for _ = 1, 32 do
    local x, y = a % 2, b % 2
    result = result + truth[x * 2 + y + 1] * bit
    a, b, bit = (a - x) / 2, (b - y) / 2, bit * 2
  end
  return result
end

local function band(a, b) return combine(a, b, { 0, 0, 0, 1 }) end
local function bor(a, b) return combine(a, b, { 0, 1, 1, 1 }) end
local function bxor(a, b) return combine(a, b, { 0, 1, 1, 0 }) end
local function bnot(a) return 2 ^ 32 - 1 - a end

local function rotate(a, n)
  local high = math.floor(a / 2 ^ (32 - n))
  a = (a * 2 ^ n) % 2 ^ 32 + high
  return a
end

-- The 4 bytes of a word, the least significant first, or last where big is true.
local function bytes(word, big)
  local first, second, third, fourth
  fourth, word = word % 256, math.floor(word / 256)
  third, word = word % 256, math.floor(word / 256)
  second, first = word % 256, math.floor(word / 256)
  if not big then
    first, second, third, fourth = fourth, third, second, first
  end
  return string.char(first, second, third, fourth)
end

local shifts = { 7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21 }

return function(message)
  local zeros = ("\0"):rep((55 - #message) % 64)
  local padded = message .. "\128" .. zeros .. bytes(#message * 8) .. "\0\0\0\0"
  local a0, b0, c0, d0 = 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476
  for start = 1, #padded, 64 do
    local a, b, c, d = a0, b0, c0, d0
    for i = 0, 63 do
      local f, g, round = 0, i, math.floor(i / 16)
      if round == 0 then
        f = bor(band(b, c), band(bnot(b), d))
      elseif round == 1 then
        f, g = bor(band(d, b), band(bnot(d), c)), (5 * i + 1) % 16
      elseif round == 2 then
        f, g = bxor(bxor(b, c), d), (3 * i + 5) % 16
      else
        f, g = bxor(c, bor(b, bnot(d))), (7 * i) % 16
      end
      local small, w, x, big = padded:byte(start + g * 4, start + g * 4 + 3)
      big, x, w, small = small, w, x, big
      local word = ((small * 256 + w) * 256 + x) * 256 + big
      f = (f + a + math.floor(math.abs(math.sin(i + 1)) * 2 ^ 32) + word) % 2 ^ 32
      a, d, c, b = d, c, b, (b + rotate(f, shifts[round * 4 + i % 4 + 1])) % 2 ^ 32
    end
    a0, b0, c0, d0 = (a0 + a) % 2 ^ 32, (b0 + b) % 2 ^ 32, (c0 + c) % 2 ^ 32, (d0 + d) % 2 ^ 32
  end
  local digest = bytes(a0) .. bytes(b0) .. bytes(c0) .. bytes(d0)
  return (digest:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end
