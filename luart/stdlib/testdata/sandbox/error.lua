-- error counts levels as C Lua does: pcall is one.
local function fails(level) error("here", level) end
local function by(level)
	local ok, err = pcall(fails, level)
	return err
end
local function called(level)
	local _ = 0
	fails(level)
end
eq(by(0), "here")
eq(by(1), "error.lua:2: here")
eq(by(2), "here")
eq(by(3), "error.lua:4: here")
eq(select(2, pcall(called, 2)), "error.lua:9: here")
eq(select(2, pcall(called, 3)), "here")
eq(by(1e15), "here")
