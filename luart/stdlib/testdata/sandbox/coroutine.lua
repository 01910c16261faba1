local create, resume, yield, status, wrap = coroutine.create, coroutine.resume, coroutine.yield, coroutine.status, coroutine.wrap

-- values both ways
local co = create(function(a, b)
	local c = yield(a + b)
	local d, e = yield(c * 2)
	return d, e
end)
eq(status(co), "suspended")
list('true 3', resume(co, 1, 2))
list('true 20', resume(co, 10))
list('true "d" "e"', resume(co, "d", "e"))
eq(status(co), "dead")
list('false "cannot resume dead coroutine"', resume(co))

-- a tail call of yield ends the body
local tail = create(function() return yield(1) end)
list('true 1', resume(tail))
eq(status(tail), "suspended")
list('true 5 6', resume(tail, 5, 6))
eq(status(tail), "dead")
local inner = wrap(function() local function f() return yield(1) end local x = f() return x, "end" end)
list('1', inner())
list('2 "end"', inner(2))

-- Go functions as bodies
list('true "number"', resume(create(type), 1))
local direct = create(yield)
eq((resume(direct, 1)), true)
eq((resume(direct, 1)), true)
eq(status(direct), "dead")
list('true false "x"', resume(create(pcall), error, "x"))
eq((coroutine.running()), nil)

-- error objects survive resume and wrap
local object = {}
list('false', (resume(create(error), object)))
eq(select(2, resume(create(error), object)), object)
eq(select(2, pcall(wrap(function() error(object) end))), object)
list('false "coroutine.lua:41: x"', pcall(wrap(function()
	error("x")
end)))
raises("coroutine.lua:43: cannot resume dead coroutine", function() local f = wrap(function() end) f() f() end)
do
	local n = 0
	local failing = wrap(function() error("x") end)
	local function bump() n = n + 1 end
	pcall(failing)
	bump()
	eq(n, 1)
end

-- status, running
local outer
outer = create(function()
	eq(coroutine.running(), outer)
	eq(status(outer), "running")
	local nested = create(function()
		eq(status(outer), "normal")
		list('false "cannot resume normal coroutine"', resume(outer))
		list('false "cannot resume running coroutine"', resume(coroutine.running()))
		raises("cannot resume normal coroutine", function() wrap(function() assert(resume(outer)) end)() end)
		return "ok"
	end)
	list('true "ok"', resume(nested))
	return "done"
end)
list('true "done"', resume(outer))

-- yield where it cannot work is an error, not a broken stack
raises("outside a coroutine", yield)
local function refused(f)
	local ok, err = resume(create(f))
	eq(ok, false)
	assert(tostring(err):find("attempt to yield across", 1, true), err)
end
refused(function() error((select(2, pcall(yield, 1))), 0) end)
refused(function() return setmetatable({}, {__index = function() return yield(1) end}).x end)
refused(function() return setmetatable({}, {__add = function() yield(1) return 1 end}) + 1 end)
refused(function() return -setmetatable({}, {__unm = function() yield(1) return 1 end}) end)
refused(function() for x in function() return yield(1) end do end end)
refused(function() table.sort({3, 2, 1}, function() yield(1) end) end)
refused(function() ("x"):gsub("x", function() yield(1) end) end)
refused(function() tostring(setmetatable({}, {__tostring = function() yield(1) end})) end)
eq(coroutine.isyieldable(), false)
wrap(function() eq(coroutine.isyieldable(), true) pcall(function() eq(coroutine.isyieldable(), false) end) end)()

-- producers in for loops
local sum = 0
for i in wrap(function() for i = 1, 1000 do yield(i) end end) do sum = sum + i end
eq(sum, 500500)
local function walk(t) for _, v in ipairs(t) do if type(v) == "table" then walk(v) else yield(v) end end end
local flat = {}
for v in wrap(function() walk{1, {2, {3, 4}}, 5} end) do flat[#flat + 1] = v end
eq(table.concat(flat), "12345")

-- bounded nesting
local depth = 0
local function nest() depth = depth + 1 return wrap(nest)() end
raises("too many nested coroutines: the limit is 64", nest)
eq(depth, 65)
local function overflow() return 1 + overflow() end
list('false "stack overflow"', resume(create(overflow)))
raises("stack overflow", wrap(overflow))
-- coroutines in coroutines, each with its call stack full of pcalls
local levels, stop = 0, false
local function nest()
	levels = levels + 1
	local function down()
		if not pcall(down) and not stop then
			local ok, err = resume(create(nest))
			stop = stop or tostring(err):find("too many nested coroutines", 1, true)
		end
	end
	down()
end
nest()
eq(levels, 65)
raises("bad argument #1", create)
raises("bad argument #1", resume, 1)
raises("bad argument #1", status)

-- generation and environment
eq(wrap(function() return getfenv(0) end)(), _G)
eq(wrap(function() return loadstring("return _G")() end)(), _G)
