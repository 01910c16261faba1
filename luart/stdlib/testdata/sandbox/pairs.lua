-- What pairs and next see of a table that changes on the way.
local function seen(t, step)
	local keys = {}
	for k in pairs(t) do keys[#keys + 1] = tostring(k) step(t, k) end
	table.sort(keys)
	return table.concat(keys, " ")
end

eq(seen({ 1, 2, 3, a = 1, b = 2 }, function(t, k) t[k] = nil end), "1 2 3 a b")
eq(seen({ 1, 2, 3, a = 1, b = 2 }, function(t) table.remove(t) end), "1 2 a b")
eq(seen({ 1, 2, 3, a = 1 }, function(t) table.remove(t) table.remove(t) end), "1 a")
eq(seen({ a = 1, b = 2, [0] = 0, [-1] = 1, [1.5] = 2, [true] = 3 }, function() end), "-1 0 1.5 a b true")
eq(seen({ [2 ^ 30] = 1, [1] = 1, [-0.5] = 1 }, function(t, k) t[k] = nil end), "-0.5 1 1073741824")

-- pairs hands out next, and next by itself goes the same way.
eq(pairs {}, next)
local t, k, n = { 1, nil, 3, x = 1 }, nil, 0
repeat k = next(t, k) n = n + 1 until k == nil
eq(n, 4)
eq(select("#", next({})), 1)
list("1 5", next { 5 })

-- A position behind the end of the list is taken, as in C Lua.
local sparse = {}
table.insert(sparse, 3, "x")
list("nil nil \"x\"", sparse[1], sparse[2], sparse[3])
eq(string.gfind, string.gmatch)
