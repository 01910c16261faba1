eq(("äÖ\255Z"):lower(), "äÖ\255z") eq(("äÖ\255z"):upper(), "äÖ\255Z") eq(("AbC"):lower(), "abc")
eq(("abc"):upper(), "ABC") eq(("@[`{"):lower() .. ("@[`{"):upper(), "@[`{@[`{") eq((""):upper(), "")
eq(("abc"):reverse(), "cba") eq(#"a\0b", 3) eq(string.len("a\0b"), 3) eq(string.len(12), 2)

eq(("abc"):sub(2), "bc") eq(("abc"):sub(-2), "bc") eq(("abc"):sub(2, 2), "b") eq(("abc"):sub(0), "abc")
eq(("abc"):sub(-100, 100), "abc") eq(("abc"):sub(3, 2), "") eq(("abc"):sub(4), "") eq(("abc"):sub(1, -2), "ab")
eq(("abc"):sub(-math.huge, math.huge), "abc") eq(("abc"):sub(math.huge), "") eq(("abc"):sub("2"), "bc")
eq(("abc"):sub(0/0), "abc") eq(("abc"):sub(1, -4), "") eq(("abc"):sub(2^63, -2^63), "")
raises("bad argument #1 to sub (number expected, got no value)", function() return ("x"):sub() end)

list('97', ("abc"):byte()) list('98 99', ("abc"):byte(2, 3)) list('99', ("abc"):byte(-1)) list('', ("abc"):byte(9))
list('', (""):byte()) list('97 98 99', ("abc"):byte(1, -1)) list('97', ("abc"):byte(0, 1))
raises("string slice too long: 8001 bytes, the limit is 8000", string.byte, ("x"):rep(8001), 1, -1)
eq(string.char(), "") eq(string.char(0, 97, 255), "\0a\255")
raises("bad argument #2", string.char, 1, 256)
raises("invalid value", string.char, -1)

eq(("ab"):rep(3), "ababab") eq(("ab"):rep(0), "") eq(("ab"):rep(-1), "") eq(("a"):rep(3, ","), "a,a,a")
eq((""):rep(1e300), "") eq(("a"):rep("2"), "aa") eq(("a"):rep(1, "x"), "a") eq(#("x"):rep(16777216), 16777216)
raises("the limit is 16777216 bytes", string.rep, "x", 16777217)
raises("the limit is 16777216 bytes", string.rep, "x", 1e300)
raises("the limit is 16777216 bytes", string.rep, ("x"):rep(1e6), 1e6)
raises("the limit is 16777216 bytes", string.rep, "", 1e9, "sep")

-- find and match
list('2 3', ("abcabc"):find("bc")) list('5 6', ("abcabc"):find("bc", 3)) list('nil', ("abc"):find("x"))
list('1 0', ("abc"):find("")) list('3 2', ("abc"):find("", 3)) list('4 3', ("abc"):find("", 4)) list('4 3', ("abc"):find("", 99))
list('nil', ("abc"):find("c", 99)) list('3 3', ("abc"):find("c", -1)) list('1 1', ("abc"):find("a", -99))
list('nil', ("abc"):find("c", 99, true)) list('2 2', ("a.c"):find(".", 2, true))
list('nil', ("abc"):find("%a", 99)) list('1 1', ("abc"):find(".", -math.huge)) list('nil', ("abc"):find(".", math.huge))
list('1 3 "a" 2 "c"', ("abc"):find("(%a)()%a(%a)")) list('"k" "v"', ("k=v"):match("(%w+)=(%w+)"))
list('"abc"', ("abc"):match("%a+")) list('nil', ("abc"):match("%d")) list('nil', ("abc"):match("^b")) list('"b"', ("abc"):match("^b", 2))
list('3', ("abc"):match("()c")) list('"(b(c))"', ("a(b(c))"):match("%b()")) list('"\\\n"', ("x\n"):match("%c"))
raises("malformed pattern", string.find, "x", "(")
raises("malformed pattern", string.find, "x", "%1x")
raises("malformed pattern", string.match, "x", "[a")
list('5 7 "fox"', ("the fox"):find("%f[%w](%w+)$")) list('1 3 "the"', ("the fox"):find("%f[%w](%w+)%f[%W]")) list('nil', ("x"):match("%z"))
list('"az"', ("-az"):match("[%a-z]+", 2)) list('"+,-"', ("a+,-."):match("[+--]+")) list('"\\"" "x"', ('a="x"'):match([[(["'])(.-)%1]]))
raises("malformed pattern (ends with '%')", string.find, "x", "x%")
raises("malformed pattern (missing ']')", string.gsub, "x", "[^]", "")
raises("malformed pattern (missing arguments to '%b')", string.gmatch, "x", "%b(")
raises("malformed pattern (missing '[' after '%f')", string.match, "x", "%fx")
raises("malformed pattern (unfinished capture)", string.match, "x", "(x")
raises("malformed pattern (invalid pattern capture", string.match, "x", "x)")
raises("malformed pattern (invalid capture index %2)", string.match, "x", "(x)%2")
raises("too many captures", string.find, ("x"):rep(40), ("(x)"):rep(33))
raises("pattern too long", string.find, "x", ("("):rep(16777216))
raises("bad argument #1 to find (string expected, got no value)", function() return ("x"):find() end)

-- gmatch
local got = {}
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do got[#got + 1] = k .. v end
eq(table.concat(got, " "), "a1 b2")
local count = 0
for _ in ("x"):rep(1000):gmatch("x") do count = count + 1 end
eq(count, 1000)
count = 0
for _ in ("abc"):gmatch("") do count = count + 1 end
eq(count, 4)
count = 0
for _ in ("x"):rep(130):gmatch("") do count = count + 1 end
eq(count, 131)
list('nil', ("abc"):gmatch("x")()) list('"^a"', ("aa^a"):gmatch("^a")()) list('"^^"', ("a^^"):gmatch("^+")())
do
	local next = ("ab"):gmatch("%a") next() next()
	list('nil', next()) list('nil', next())
end

-- gsub
list('"bcbc" 2', ("abab"):gsub("ab", "bc")) list('"xbab" 1', ("abab"):gsub("a", "x", 1)) list('"abc" 0', ("abc"):gsub("x", "y"))
list('"-a--b--c-" 3', ("abc"):gsub("%w", "-%0-")) list('"ba" 1', ("ab"):gsub("(a)(b)", "%2%1")) list('"%" 1', ("a"):gsub("a", "%%"))
list('"aa" 1', ("a"):gsub("a", "%1%1")) list('"-a-b-" 3', ("ab"):gsub("", "-")) list('"xb" 1', ("ab"):gsub("^a", "x"))
list('"1b" 1', ("ab"):gsub("a", {a = 1})) list('"ab" 2', ("ab"):gsub("%a", {})) list('"AB" 2', ("ab"):gsub("%a", string.upper))
list('"ab" 2', ("ab"):gsub("%a", function() return false end)) list('"abc" 0', ("abc"):gsub("b", "x", 0)) list('"abc" 0', ("abc"):gsub("b", "x", -1))
list('"1-2" 2', ("a-b"):gsub("%a", {a = 1, b = 2})) list('"v" 1', ("$x"):gsub("%$(%w+)", setmetatable({}, {__index = function() return "v" end})))
list('"2b" 1', ("ab"):gsub("a()", "%1")) list('"7b" 1', ("ab"):gsub("a", 7))
list('"xx" 2', ("abc"):gsub("%w*", "x"))
list('"b" 1', ("aab"):gsub("^a*", "")) list('"xab" 1', ("aab"):gsub("^a", "x")) list('"%1a" 1', ("a"):gsub("a", "%%1%0")) list('"abc" 1', ("abc"):gsub("b", "%1"))
raises("invalid replacement value (a table)", string.gsub, "a", "a", function() return {} end)
raises("invalid capture index", string.gsub, "a", "a", "%2")
raises("ends with '%'", string.gsub, "a", "a", "%")
raises("bad argument #3", string.gsub, "a", "a")
raises("bad argument #3", string.gsub, "a", "a", true)
raises("the limit is 16777216 bytes", string.gsub, ("x"):rep(1e5), "x", ("y"):rep(1e5))
raises("the limit is 16777216 bytes", string.gsub, ("x"):rep(1e5), "x", function() return ("y"):rep(1e5) end)
raises("stop", string.gsub, "a", "a", function() error("stop") end)
eq(#(("x"):rep(2e5):gsub("x", "yz")), 4e5)
do
	local n = 0
	local s = ("abc"):gsub("%a", function(c) n = n + 1 return c .. n end)
	eq(s, "a1b2c3")
end
