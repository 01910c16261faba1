-- results and error objects pass through untouched
list('true 1 nil 3', pcall(function(...) return ... end, 1, nil, 3))
local object = setmetatable({status = 409}, {__tostring = function() return "taken" end})
local ok, err = pcall(error, object)
eq(ok, false) eq(err, object)
list('false nil', pcall(error))
list('false nil', pcall(error, nil))
list('false "attempt to call a nil value"', pcall(nil))
list('false "attempt to call a table value"', pcall({}))
list('true 7', pcall(setmetatable({}, {__call = function(_, x) return x end}), 7))
raises("bad argument #1 to pcall (value expected)", function() pcall() end)

-- positions
list('false "pcall.lua:14: x"', pcall(function() error("x") end))
list('false "x"', pcall(function() error("x", 0) end))
local function check() error("x", 2) end
list('false "pcall.lua:17: x"', pcall(function() check() return 1 end))
list('false "pcall.lua:18: 5"', pcall(function() error(5) end))

-- assert keeps objects and messages as they are
list('false "no"', pcall(assert, false, "no"))
list('false "assertion failed!"', pcall(assert, nil))
eq(select(2, pcall(assert, false, object)), object)
list('1 2 3', assert(1, 2, 3))
raises("bad argument #1", function() assert() end)

-- a caught error leaves the captured locals of the running function alone
do
	local n = 0
	local function bump() n = n + 1 end
	bump()
	pcall(error, "x")
	bump()
	eq(n, 2)
	pcall(function() pcall(error, "y") bump() error("z") end)
	bump()
	eq(n, 4)
	n = 10
	bump()
	eq(n, 11)
	for _ = 1, 3 do xpcall(error, function() bump() end) end
	bump()
	eq(n, 15)
end

-- locals captured inside the failed call keep their values
do
	local get
	pcall(function()
		local a, b = 1, {}
		get = function() a = a + 1 return a, type(b) end
		error("x")
	end)
	local x, y, z = "x", "y", "z" -- into the same registers
	list('2 "table"', get())
	list('3 "table"', get())
	eq(x .. y .. z, "xyz")
end
do
	local get
	xpcall(function()
		local a = 1
		get = function() a = a + 1 return a end
		local t = nil
		return t.x
	end, function(e) return e end)
	local x, y, z, w = "x", "y", "z", "w"
	eq(get(), 2) eq(get(), 3)
	eq(x .. y .. z .. w, "xyzw")
end

-- xpcall
list('true 3', xpcall(function(a, b) return a + b end, error, 1, 2))
list('false "h:x"', xpcall(error, function(e) return "h:" .. e end, "x"))
list('false "second"', xpcall(error, function() error("second", 0) end, "first"))
eq(select(2, xpcall(error, function(e) return e end, object)), object)
list('false nil', xpcall(error, function() end, "x"))
list('false 1', xpcall(error, function() return 1, 2, 3 end, "x"))
raises("bad argument #2", function() xpcall(print) end)
list('false "attempt to call a nil value!"', xpcall(nil, function(e) return e .. "!" end))

-- the handler sees the calls that led to the error
do
	local function inner() error("x") end
	local ok, trace = xpcall(function() inner() end, debug.traceback)
	eq(ok, false)
	eq(trace:match("^(.-)\n\t%[C%]: in function 'xpcall'"), ([[
pcall.lua:84: x
stack traceback:
	[C]: in function 'error'
	pcall.lua:84: in function 'inner'
	pcall.lua:85: in function <pcall.lua:85>]]))
	local function line() return debug.getinfo(2, "l").currentline end
	list("false 94", xpcall(function() local x = nil return x.y end, line))
	-- in a coroutine, in a handler, and where the handler catches errors itself
	list("true false 96", coroutine.resume(coroutine.create(function() return xpcall(function() return 1 + {} end, line) end)))
	list('false "pcall.lua:97: a-false-98"', xpcall(function() error("a") end, function(e)
		local ok, at = xpcall(function() return #nil end, line)
		return e .. "-" .. tostring(ok) .. "-" .. at
	end))
	list('false "kept"', xpcall(function() error("x") end, function() pcall(error, "y") return "kept" end))
	list('false "pcall.lua:102: cannot"', xpcall(function() error("x") end, function() error("cannot") end))
	-- locals that the handler changes stay shared, and so do those of whom it is called for
	local n = 0
	local function bump() n = n + 1 end
	xpcall(function() local m = 5 xpcall(function() bump() error("x") end, function() bump() m = m + 1 end) eq(m, 6) end, error)
	bump()
	eq(n, 3)
	-- on a full stack it runs later
	local function deep() return 1 + deep() end
	list('false "string"', xpcall(deep, function(e) return type(e) end))
	local depth = 0
	list("false true", xpcall(function() local function down() depth = depth + 1 return 1 + down() end return down() end,
		function() return depth > 100 end))
end

-- a stack overflow is an error like others, at whatever depth it meets a pcall
for shift = 0, 8 do
	local depth, kept = 0, {}
	local function down()
		depth = depth + 1
		local here = depth
		kept[#kept + 1] = function() return here end
		local ok, err = pcall(down)
		return ok, err, here
	end
	local function at(n, f) if n == 0 then return (f()) end local r = at(n - 1, f) return r end
	local done = {pcall(at, shift, down)}
	eq(done[1], true)
	for i = 1, #kept do eq(kept[i](), i) end
	assert(depth > 300, depth)
end
do
	local kept = {}
	local function f(n) local here = n kept[n] = function() return here end return 1 + f(n + 1) end
	local ok, err = pcall(f, 1)
	eq(ok, false)
	assert(err:find("stack overflow"), err)
	for i = 1, #kept do eq(kept[i](), i) end
end
