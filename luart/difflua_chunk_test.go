package luart

import (
	_ "embed"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

//go:embed testdata/difflua/chunk.lua
var diffChunk string

// diffChunks are chunks as they stand at the edges of the grammar, right and wrong ones.
var diffChunks = []string{
	`return '\z x'`, `return '\q'`, `return '\300'`, `return '\1234'`, `return '\65\066\0677'`,
	"return 'a\\\nb'", "return 'a\\\r\nb'", "return [==[\n]] ]=] ]==]", "return [=[a]=]",
	"return [[\r\nx\r\ny\n\rz]]", "return [=x", "return [==", "return [[a[[b]]", "-- c",
	"return 1 --", "return 1 --[[x]] + 1", "--[==[\n]]\n]==] return 2",
	"return 1 --[[ unfinished", "--[=x\nreturn 3", "return 0x10", "return 0X1F", "return 1e",
	"return 1e+", "return 3..2", "return 3 ..2", "return 3. .. 2", "return .5", "return 5.",
	"return 1e3", "return 1E-2", "return 0x", "return 08", "return 1.2.3", "return 0xg",
	"return 3x", "return 1e5x", "return 0x1e+1", "return 1..2", "return ('x'):rep(3)",
	"return 'x':rep(3)",
	"local a = {b={c=function(self,s) return function(t) return s .. #t end end}} return a.b['c'](a,'x'){1,2}",
	"local a = {b={c={d=function(self,s) return function(t) return s .. #t end end}}} return a.b['c']:d'x'{1,2}",
	"local f = print\n(f)(1)", "f\n(1)", "local a = f\n(g).x = 1", "return f\n'x'",
	"return type\n{}", "a.b:c = 1", "a() = 1", "(a) = 1", "a, b() = 1, 2", "a.b, c[1] = 1", "x",
	"x.y", "'x'", "1", "x = ", "local", "local x =", "local function f", "for", "for i",
	"for i = 1 do end", "for i = 1, 2, 3, 4 do end", "for i in do end", "for a.b = 1, 2 do end",
	"for i, j = 1, 2 do end", "if x then", "if x the end", "while 1 do", "repeat until",
	"return return", "return 1, ", "break", "do break end", "function() end",
	"function f.g:h.i() end", "function f.g:h() return 1 end",
	"function f(a, ...) return ... end", "function f(..., a) end", "function f(a,) end",
	"function f() return ... end", "return ...", "local t = {1,2;3,} return #t", "return {,}",
	"return {1,,2}", "return {[1]}", "return {[1]=2, x=3}", "return {x=}", "return #{...}",
	"return not nil == true", "return -2^2", "return 2^-1", "return 2^3^2", "return 1 .. 2 .. 3",
	"return -x^2", "return not 1 == 2", "return #'a' + 1", "return - - 1", "return --1",
	"return not not 1", "return 1 < 2 == true", "return 'a' < 'b' and 1 or 2", "return 5 % -3",
	"return -5 % 3", "return 5 - -3", "return 2 ^ - 2", "return 1 ~= 2", "return 1 != 2",
	"return 1 // 2", "return 1 & 2", "return ~1", "return a ? b", "return @", "return `",
	"return $", `return \`, "return !x", "goto = 1 return goto", "goto x ::x::", ";", "x = 1;",
	"x = 1;;", "return;", "return 1;", "return 1;;", "do end;", "local a; local b",
	"local a <const> = 1", "local a, a = 1, 2 return a", "local a = a return a",
	"local function a() return a end return a() == a", "return 'abc", "return 'abc\ndef'",
	`return "a'b"`, "return 'a\x00b'", "x = 'a' 'b'", "x = f'a''b'", "and = 1", "x.and = 1",
	"x.y.end = 1", "return {end=1}", "return {nil=1}", "until x", "end", "else",
	"x = function end", "x = function() return end", "return 1\nx = 2", "return 1 x = 2",
	"do return 1 end return 2", "break x = 1", "while true do break x = 1 end",
	"while true do break; end", "while true do if x then break end x = 1 end",
	"repeat local x = 1 until x == 1 return 5", "repeat break until x", "return (1)(2)",
	"return ('f')()", "return {}[1]", "return ({1})[1]", "return (function() return 7 end)()",
	"return function() end()", "x = {}.y", "return nil.x", "return 1 .x", "return ...",
	"return (...)", "return (...).x", "return ...[1]", "local x = ... + 1", "x = }", "x = ]",
	"x = )", "f(", "f(1", "f(1,", "f(1 2)", "a[", "a[1", "a[]", "a.", "a:", "a:b", "a:b.c()",
	"a:b'x'", "a:b{}", "a:1()", "a.1", "a.b.c.d()", "#x", "-x", "not x", "x + 1", "x == 1",
	"\xef\xbb\xbfreturn 1", "#!/x\nreturn 1", "#x\nreturn 1", " #x", "\x1bLua", "return 1 \x1a",
	"return 1 \x00", "\f\v\treturn\r1", "return 1\r\n", "return\n1",
	"return 0x7fffffffffffffffff", "return 1e400", "return 1e-400", "return 99999999999999999999",
	"return 0.1e1", "return 0e12", "return 00012", "return 1_000", "return \xc3\xa9",
	"\xc3\xa9 = 1", "return _", "return _1", "return a_b", "return 1and 2", "return 1or 2",
	"return 0xaor 2", "return 0x1and 1", "return 1do", "return 'x'and 1", "if 1then end",
	"local t = {f = 1, ['f'] = 2, [1] = 3, 4} return t.f, t[1]",
	"return 0x1p4", "local a = 'x' return a..1", "return 1 ..2", "return ....5", "return 'a'...5",
	"goto x f\n(1) ::x::", "return [[\nx]], [[\n\nx]], [[\r\nx]], [==[]]]=]]==]", "return #[[\r\n\n\r\r]]",
	`return '\a\b\f\n\r\t\v\\\"\'\0\00\000\9x\x41\u{41}\z\y'`, "return 'a\\\n\rb', 'a\\\n\nb'",
	"return '\\255', '\\2555'", "return '\\256'", "return '\\999'",
	"local t = {[1] = 'a', [1.0] = 'b', ['1'] = 'c'} return t[1], t['1'], t[2 / 2], t[1.5]",
	"local t = {} t[0.1 + 0.2] = 1 return t[0.3], t[0.1 + 0.2]", "local t = {} t[-0] = 1 return t[0]",
	"local t = {} t[nil] = 1", "local t = {} t[0/0] = 1", "return ({})[nil], ({})[0/0]", "return {[nil] = 1}",
	"local s = '' for i = 1, 2, 0.25 do s = s .. i .. ' ' end return s",
	"local s = '' for i = 3, 1, -0.5 do s = s .. i .. ' ' end return s",
	"local n = 0 for i = 1, 0 do n = n + 1 end for i = 1, 1 do n = n + 10 end return n",
	"for i = 0/0, 1 do return 1 end for i = 1, 0/0 do return 2 end for i = 1, 2, 0/0 do return 3 end return 4",
	"for i = 1/0, 1 do return 1 end for i = 1, -1/0, -1e300 do return i end",
	"for i = 'x', 1 do end", "for i = 1, {} do end", "for i = 1, 2, nil do end", "for i = '1', '2', '1' do return i end",
	"local n = 0 for i = 1, 3 do local j = i i = 10 n = n + j end return n",
	"local fs = {} for i = 1, 3 do fs[i] = function() i = i + 1 return i end end return fs[1](), fs[1](), fs[2]()",
	"local fs = {} for i = 1, 9 do local k = i fs[i] = function() k = k + 1 return k end if i == 2 then break end " +
		"end return fs[1](), fs[1](), fs[2](), #fs",
	"local n = 0 for i = 1, 3 do for j = 1, 3 do if j == 2 then break end for k = 1, 9 do n = n + 1 " +
		"if k == i then break end end end end return n",
	"local i, f = 0 repeat local x = i f = function() return x end i = i + 1 until x == 2 return f(), i",
	"local i = 0 while true do i = i + 1 local x = i if x > 3 then break end end return i",
	"local a, b, c = (f(1, 2, 3)) return a, b, c", "local a, b, c = f(1, 2), 5 return a, b, c",
	"local a, b, c = 0, f(1, 2, 3) return a, b, c", "return f(f(1, 2), f(3, 4))", "return (f(1, 2)), (f())",
	"return f((f())), select('#', f((f()))), select('#', (f()))", "return #{f(1, 2), f(3, 4)}, #{f(1, 2), (f(3, 4))}",
	"local function g(...) return select('#', ...), ... end return g(g(nil, nil), ...)",
	"local function g(...) local a, b = ..., 5 return a, b, {...}, (...) end return g(1, 2, 3)",
	"local function g(a, ...) local t = {..., a, ...} return #t, t[1], t[#t] end return g(1, 2, 3)",
	"local function g(...) return function() return 1 end, ... end return g(2)",
	"local t = {} local i = 1 i, t[i] = i + 1, 20 return i, t[1], t[2]",
	"local t = {1, 2} local i = 1 t[i], t[i + 1], i = t[i + 1], t[i], 5 return t[1], t[2], i",
	"local log = {} local function l(x) log[#log + 1] = x return x end local t = {} " +
		"t[l(1)], t[l(2)] = l(3), l(4), l(5) return unpack(log)",
	"local a = {x = 1} a, a.x = {x = 2}, 3 return a.x", "local a, b = 1 return a, b", "local a, a = 1, 2 return a",
	"a, b = 1 return a, b", "a, a = 1, 2 return a", "local t = {f(1, 2, 3), [2] = 'x', 9} return t[1], t[2], t[3]",
	"return {n = 1, n = 2}.n", "return ({n = 1, n = 2}).n, ({1, [1] = 2})[1], ({[1] = 2, 1})[1]",
	"return ('x'):rep(3):upper():len(), #'abc', -'2', - - '3', 'a' .. 1 + 2 .. 'b'",
	"return ('%d'):format(3.7), ('x').len, #('x').rep('ab', 2)", "return 2^3^2, -2^2, 2^-1, (2^3)^2, not nil == true",
	"return 1 .. 2 == '12', '10' + 5, '0x10' * 1, 10 .. '', 5 % -3, -5 % 3, 5.5 % 2, -0.5 % 1, 5 % 0, 5 % (1/0)",
	"return 1 < 2 == true, 'a' < 'b', 'a' < 'B', '' < 'a', 'a\\0b' < 'a\\0c', 'Z' < 'a', '10' < '9'",
	"return nil == false, 1 == '1', 'a' == 'a', {} == {}, f == f, 0 == -0, 0/0 == 0/0",
	"return 1 and 2, nil and 1, false or nil, nil or false, 1 or error, not 0, not '', nil and nil or 3",
	"local x = 1 do local x = x + 1 x = x * 2 end return x", "local x = x return x", "local function g() return g end return g() == g",
	"local g = function() return g end return g()", "return (function(...) return ... end)(1, nil, nil)",
	"return f(1, 2, 3), f(), f(nil)", "return 1e308 * 10, -1e308 * 10, 2^1023 * 2, 5e-324, 1/3", "return 0x7fffffff + 1, 0xFF, 1e2, .5e1, 5.e-1",
	"return 1 < '2'", "return {} < {}", "return nil < 1", "return f < f", "return 'x' < 1", "return true <= false",
	"return 1 + nil", "return 1 + 'x'", "return {} .. 'x'", "return -{}", "return #5", "return nil()", "return (1)()", "return ('x')()",
	"local a\n\nreturn\na.b", "return a.b.c", "local t = {}\nt.x\n.y = 1", "f(1,\n2,\nnil + 1)", "return f(\n1\n) +\nnil",
	"local t = {\n1,\nnil .. 'x',\n3}", "local function g()\nerror('x')\nend\ng()", "local function g()\nlocal x = nil + 1\nend\nreturn g()",
	"return (pcall(string.rep))", "local s = 'x'\n\ns:nope()", "local s = 'x'\nreturn s.y.z", "unpack(\n5)",
	"a = 1\nb = a\n..\n{}", "if\nnil > 1\nthen end", "for i = 1,\n2,\n{}\ndo end", "return not\nnil\n<\n1",
}

// diffChunksRight are the chunks that are taken otherwise, each with the reason why that is right.
var diffChunksRight = []struct{ chunk, why string }{
	{`^return \[\[a\[\[b`, "brackets of level 0 nest nowhere since Lua 5.2"},
	{`goto`, "goto is reserved, as in Lua 5.2"},
	{`^;|;;`, "; is an empty statement, as in Lua 5.2"},
	{`^(\x{feff}|#)`, "a byte order mark and a first line with # are passed over, as in files"},
	{`^\x1bLua`, "precompiled chunks are refused, whatever is in them"},
	{`^for i = 1,\n2`, "an error of the numbers of a loop is in the line of for"},
	{`0x1p`, "source has no hexadecimal exponents"},
}

// limitChunks are chunks that come to the limits of the compiler, and past them.
func limitChunks() (chunks []string) {
	list := func(format string, n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = strings.ReplaceAll(format, "%", strconv.Itoa(i+1))
		}
		return strings.Join(items, ", ")
	}
	nest := func(open string, n int, middle, end string) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
	}
	for _, n := range []int{1, 50, 150, 180, 190} {
		chunks = append(chunks,
			"return "+nest("(", n, "1", ")"), "return "+nest("{", n, "", "}"), nest("do ", n, "x = 1", " end"),
			"return "+nest("not ", n, "nil", ""), "return "+nest("- ", n, "1", ""), "return "+nest("1 .. ", n, "1", ""),
			"return "+nest("f(", n, "1", ")"), nest("if f(1) then ", n, "x = 1", " end")+" return x",
			"return "+nest("f(function() return ", n/2, "1", " end)")+" ~= nil", "local a = "+nest("1 ^ ", n, "1", "")+" return a")
	}
	for _, n := range []int{1, 100, 199, 200, 201, 240} {
		chunks = append(chunks,
			"local "+list("v%", n)+" = "+list("%", n)+" return v1, v"+strconv.Itoa(n),
			"local function g("+list("v%", n)+") return v1, v"+strconv.Itoa(n)+" end return g("+list("%", min(n, 200))+")")
	}
	for _, n := range []int{1, 40, 49, 50, 51, 100, 240} {
		chunks = append(chunks, "return "+list("%", n), "return f("+list("%", n)+")", "return #{"+list("%", n)+"}",
			"return #{f("+list("%", n)+")}", "return #{"+list("%", n)+", f(1, 2, 3)}")
	}
	for _, n := range []int{100, 511, 512, 513, 1000} {
		chunks = append(chunks, "return #{"+list("%", n)+"}", "local t = {"+list("k% = %", n)+"} return t.k1, t.k"+strconv.Itoa(n),
			"return 0"+strings.Repeat(" + 1", n), "return f"+strings.Repeat("(f)", n)+"(7)",
			strings.Repeat("x = 1 ", n)+"return x", "local n = 0 while n < 2 do n = n + 1 "+strings.Repeat("x = n ", n)+"end return x",
			"if x then "+strings.Repeat("y = 1 elseif x then ", n)+"else y = 2 end return y", "return x"+strings.Repeat(" or x", n)+" or 5",
			"return x == nil"+strings.Repeat(" and x == nil", n))
	}
	for _, n := range []int{1, 40, 59, 60} {
		chunks = append(chunks, "local "+list("v%", n)+" = "+list("%", n)+" return (function() return "+list("v%", n)+" end)()")
	}
	return chunks
}

// TestDiffChunks compiles chunks here and in lua5.1, and runs what compiles.
func TestDiffChunks(t *testing.T) {
	chunks := append(limitChunks(), diffChunks...)
	got, want := diffEach(t, diffChunk, chunks)
	for i, chunk := range chunks {
		if got[i] == want[i] {
			continue
		}
		right := false
		for _, r := range diffChunksRight {
			right = right || regexp.MustCompile(r.chunk).MatchString(chunk)
		}
		if !right {
			t.Errorf("%.200q %.200s, and in lua5.1 %.200s", chunk, got[i], want[i])
		}
	}
	for _, r := range diffChunksRight {
		differs := false
		for i, chunk := range chunks {
			differs = differs || got[i] != want[i] && regexp.MustCompile(r.chunk).MatchString(chunk)
		}
		if !differs {
			t.Errorf("no chunk of %q differs", r.chunk)
		}
	}
	t.Logf("%d chunks", len(chunks))
}
