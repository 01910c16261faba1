eq(table.concat({1, "b", 2.5}, ", "), "1, b, 2.5")
eq(table.concat({}), "") eq(table.concat({1, 2, 3}, "", 2), "23") eq(table.concat({1, 2, 3}, "-", 2, 3), "2-3")
eq(table.concat({1, 2}, ",", 3), "") eq(table.concat({[0] = "z", "a"}, "", 0, 1), "za")
raises("invalid value (nil) at index 2", table.concat, {1}, "", 1, 2)
raises("invalid value (table) at index 1", table.concat, {{}})
raises("the limit is 16777216 bytes", table.concat, {("x"):rep(9e6), ("x"):rep(9e6)})
raises("the limit is 16777216 bytes", table.concat, {1, 2, 3}, ("x"):rep(9e6))

local t = {}
table.insert(t, "b") table.insert(t, 1, "a") table.insert(t, 3, "d") table.insert(t, 3, "c")
eq(table.concat(t), "abcd")
raises("position out of bounds", table.insert, t, 0, 1)
raises("position out of bounds", table.insert, t, 1e300, 1)
raises("wrong number of arguments", table.insert, t)
raises("wrong number of arguments", table.insert, t, 1, 2, 3)
eq(table.remove(t, 1), "a") eq(table.remove(t), "d") eq(table.concat(t), "bc")
list('', table.remove(t, 3)) list('', table.remove(t, 0)) list('', table.remove({}))
t = {1, 2, 3}
t[3] = nil
eq(table.remove(t), 2) eq(#t, 1)
t = {1, 2, 3, 4}
t[4] = nil
table.insert(t, 1, 0)
eq(table.concat(t), "0123") eq(#t, 4)

-- a queue does not grow
local q = {}
for i = 1, 1000 do table.insert(q, 1, i) q[#q] = nil end
eq(#q, 0)

-- a large key is no large array
local big = {}
big[67000000] = 1 big[2^30] = 2 big[1] = 0
eq(big[67000000], 1) eq(#big, 1) eq(table.maxn(big), 2^30)
local n = 0
for _ in pairs(big) do n = n + 1 end
eq(n, 3)
eq(table.maxn({1, 2, nil, 4}), 4) eq(table.maxn({}), 0) eq(table.maxn({[-1] = 1, [2.5] = 1}), 2.5)
local full = {}
full[2^20 - 1] = true
raises("an array has at most 1048575 elements", table.insert, full, 1)

eq(table.pack(1, nil, 3).n, 3) eq(table.pack().n, 0)
list('1 nil 3', table.unpack({1, nil, 3}, 1, 3))
list('', unpack({})) list('2 3', unpack({1, 2, 3}, 2)) list('nil 1', unpack({1}, 0, 1)) list('', unpack({1}, 2, 1))
raises("too many results to unpack: 8001, the limit is 8000", unpack, {}, 1, 8001)
raises("too many results to unpack", unpack, {}, -math.huge, math.huge)
eq(select("#", unpack({}, 1, 8000)), 8000)

-- sort
local function sorted(list, less) table.sort(list, less) return table.concat(list, " ") end
eq(sorted{3, 1, 2}, "1 2 3") eq(sorted({3, 1, 2}, function(a, b) return a > b end), "3 2 1")
eq(sorted{"b", "a", "C"}, "C a b") eq(sorted{}, "")
raises("attempt to compare", table.sort, {1, nil, 3})
raises("attempt to compare", table.sort, {1, "a"})
raises("attempt to compare", table.sort, {{}, {}})
raises("bad argument #2", table.sort, {}, 1)
local seed = 1
local function random() seed = (seed * 16807) % 2147483647 return seed end
for _, less in ipairs{
	function() return true end, function() return false end, function() return random() % 2 == 0 end,
	function(a, b) return a <= b end,
} do
	local l = {}
	for i = 1, 500 do l[i] = random() % 50 end
	table.sort(l, less)
	eq(#l, 500)
end
local kept = {3, 2, 1}
raises("stop", table.sort, kept, function() error("stop") end)
eq(table.concat(kept), "321")
local emptied = {5, 4, 3, 2, 1}
table.sort(emptied, function(a, b) table.remove(emptied) return a < b end)
eq(table.concat(emptied), "12345")
