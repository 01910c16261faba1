-- Values as texts, for all tests beside lua5.1. Of a number only as many digits are said as a format has, and no sign
-- of 0, which has none here once it is computed; of functions, threads and userdata the type.
return function(format)
  local function ser(v, depth)
    if type(v) == "number" then
      if v ~= v then return "nan" end
      if v == 0 then return "0" end
      if v == 1/0 or v == -1/0 then return v > 0 and "inf" or "-inf" end
      return (format:format(v))
    elseif type(v) == "string" then
      return '"' .. v:gsub("[%c\\\"\127-\255]", function(c) return ("\\%03d"):format(c:byte()) end) .. '"'
    elseif type(v) ~= "table" then
      return type(v) == "boolean" and tostring(v) or type(v)
    elseif depth > 3 then
      return "{...}"
    end
    local keys = {}
    for k, x in pairs(v) do keys[#keys + 1] = ser(k, depth + 1) .. "=" .. ser(x, depth + 1) end
    table.sort(keys)
    return "{" .. table.concat(keys, ",") .. "}"
  end

  return function(...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = ser((select(i, ...)), 0) end
    return table.concat(parts, " ")
  end
end
