package luac

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

func compile(source string) (*lua.FunctionProto, error) {
	chunk, err := parse.Parse(strings.NewReader(source), "test")
	if err != nil {
		return nil, err
	}
	return Compile(context.Background(), chunk, "test", func(s string) (float64, error) {
		if n, err := strconv.ParseInt(s, 0, 64); err == nil {
			return float64(n), nil
		}
		return strconv.ParseFloat(s, 64)
	})
}

// run returns what a chunk returns, with blanks between.
func run(t *testing.T, source string) string {
	t.Helper()
	proto, err := compile(source)
	if err != nil {
		return err.Error()
	}
	L := lua.NewState()
	defer L.Close()
	L.Push(L.NewFunctionFromProto(proto))
	if err := L.PCall(0, lua.MultRet, nil); err != nil {
		t.Errorf("%s: %v", source, err)
		return ""
	}
	var parts []string
	for i := 1; i <= L.GetTop(); i++ {
		parts = append(parts, L.ToStringMeta(L.Get(i)).String())
	}
	return strings.Join(parts, " ")
}

// What lua5.1 computes. gopher-lua's own compiler is wrong about most of these.
func TestPrograms(t *testing.T) {
	const helpers = `
		local function f(...) return ... end
		local function it(n, i) i = i + 1 if i <= n then return i end end
		local function lib() return { words = function(s) return s:gmatch("%a+") end, sub = { it = function() return it, 3, 0 end } } end
	`
	for _, tt := range []struct{ source, want string }{
		// and, or, not, to a variable that exists
		{`local ok, a, b = true, "1", nil ok = not a and b == "yes" return ok`, "false"},
		{`local ok, a, b = true, 1, 2 ok = not a and not b return ok`, "false"},
		{`local b, a, t = 1, 1, { x = true } b = t.x and (b == a) return b`, "true"},
		{`local r, a = 5, nil r = not a and f(7) return r`, "7"},
		{`local r, a = 5, 1 r = not a and f(7) return r`, "false"},
		{`local x, a, b = 1, 1, false x = not (a and b) return x`, "true"},
		{`local x = 1 x = x == 1 and x or not x return x`, "1"},
		{`local x = nil x = x and x.y or x == nil return x`, "true"},
		{`local function g(ok, a) ok = not a or not ok return ok end return g(true, nil), g(true, 1), g(false, 1)`, "true false true"},
		{`local a, b, c = nil, false, 3 a = b or a == nil and c a = (a and b) == false return a`, "true"},
		{`local a, b = 1, 2 a = a < b and a > b or a == b return a`, "false"},

		// assignments of several
		{`local a, b = 1, 2 a, b = b, a return a, b`, "2 1"},
		{`local a, b = 0, 1 for _ = 1, 10 do a, b = b, a + b end return a`, "55"},
		{`local a, b = 48, 36 while b ~= 0 do a, b = b, a % b end return a`, "12"},
		{`local a, b, c = 1, 2, 3 a, b, c = c, a, b return a, b, c`, "3 1 2"},
		{`local i, t = 1, {} i, t[i] = i + 1, 20 return i, t[1], t[2]`, "2 20 nil"},
		{`local t, i = {1, 2}, 1 t[i], i = i + 10, 2 return t[1], t[2], i`, "11 2 2"},
		{`local t = { x = 1 } local u = t t.x, t = 5, nil return u.x, t`, "5 nil"},
		{`local a, b, c = 0 a, b, c = f(1, 2), 3 return a, b, c`, "1 3 nil"},
		{`local a, b = 0, 0 a, b = 1, f(2, 3), 4 return a, b`, "1 2"},
		{`local a, b, c a, b, c = f(1, 2, 3, 4) return a, b, c`, "1 2 3"},
		{`local a, b a, b = ... return a, b`, "nil nil"},
		{`local function up() local a, b = 1, 2 local function g() a, b = b, a return a, b end return g() end return up()`, "2 1"},
		{`x, y = 1, 2 x, y = y, x return x, y`, "2 1"},

		// one result of several
		{`local s = "text  " s = (s:gsub("%s+$", "")) return s .. "|"`, "text|"},
		{`local s = "a" s = (f(s, 2)) return s == "a"`, "true"},
		{`local s = "a" s = (f()) return s, s == nil`, "nil true"},
		{`local function g(...) local a, b = 1, 2 a = (...) return a, b end return g(7, 8)`, "7 2"},
		{`local function g(...) local a, b, c = 1, 2, 3 a = ... b = (...) return a, b, c end return g(7, 8)`, "7 7 3"},
		{`local function g(...) return (...) end return g(1, 2)`, "1"},
		{`return (f(1, 2)), f(3, 4), (f(5, 6))`, "1 3 5"},
		{`return f(1, 2), (f(3, 4)), f(5, 6)`, "1 3 5 6"},
		{`return #{ f(1, 2), f(3, 4) }, #{ (f(1, 2)) }, #{ f(1, 2), n = f(3, 4) }`, "3 1 1"},
		{`return f(f(1, 2), f(f(3, 4)))`, "1 3 4"},
		{`return (f(f)(9)), #f("ab"), -f(2), not f(nil)`, "9 2 -2 true"},

		// for
		{`local n = 0 for w in lib().words("a b c") do n = n + 1 end return n`, "3"},
		{`local n = 0 for k in lib().sub.it() do n = n + k end return n`, "6"},
		{`local n = 0 for w in (lib()).words("a b") do n = n + 1 end return n`, "2"},
		{`local n = 0 for w in f("x y"):gmatch("%a") do n = n + 1 end return n`, "2"},
		{`local n = 0 for i in it, 3, 0 do n = n + 1 end for i in it, 3, 0 do n = n + 1 end return n`, "6"},
		{`local n, i = 0 local function stateless(s, c) c = (c or 0) + 1 if c < 4 then return c end end
			for i in stateless do n = n + 1 end for i in stateless do n = n + 1 end return n`, "6"},
		{`local r = {} for a, b in it, 2, 0 do if false then local p = 1 a = p else r[#r + 1] = a end end return #r, r[2]`, "2 2"},
		{`local n = 0 for i in it, 3, 0, 9, 9 do n = n + i end return n`, "6"},
		{`local s = "" for i = 3, 1, -1 do s = s .. i end for i = 1, 0 do s = s .. "x" end for i = 1, 2, 0.5 do s = s .. "," .. i end return s`, "321,1,1.5,2"},
		{`local t = {} for i = 1, 3 do t[i] = function(d) i = i + d return i end end return t[1](1), t[1](1), t[2](0), t[3](5)`, "2 3 2 8"},
		{`local t = {} for _, v in ipairs { "a", "b" } do t[#t + 1] = function() return v end if v == "b" then break end end return t[1](), t[2]()`, "a b"},
		{`local i, t = 0, {} repeat local j = i t[#t + 1] = function() return j end i = i + 1 until j >= 2 return t[1](), t[2](), t[3]()`, "0 1 2"},
		{`local i, t = 0, {} while true do local j = i t[#t + 1] = function() return j end i = i + 1 if i > 2 then break end end return t[1](), t[3]()`, "0 2"},
		{`for i = 1, 3 do local a = i for j = 1, 3 do if j == 2 then break end a = a + j end if a == 3 then return a, i end end`, "3 2"},

		// conditions that are known
		{`if nil then return 1 elseif false then return 2 else return 3 end`, "3"},
		{`if not nil and 1 then return 1 end return 2`, "1"},
		{`local n = 0 while false do n = 1 end repeat n = n + 1 until true return n`, "1"},
		{`return 1 and 2, nil or false, false or nil, nil and 1, not 0, not not nil, 1 == 1 and "y" or "n"`, "2 false nil nil false false y"},

		// local f = function() sees the f before
		{`local g = function() return 1 end local g = function() return g() + 1 end return g()`, "2"},
		{`local function g(n) if n == 0 then return 0 end return g(n - 1) end return g(3)`, "0"},
		{`local type = function(v) return "<" .. type(v) .. ">" end return type(1)`, "<number>"},

		// what variables of other functions are
		{`local a = 1 local function g() local function h() a = a + 1 return a end local a = 10 return h(), a end return g(), a`, "2 2"},
		{`local function g(...) local a = arg return a.n, a[1] end return g(5, 6)`, "2 5"},
		{`local function g(...) local n = select("#", ...) return n, arg end return g(5, 6)`, "2 nil"},
		{`return (function(...) return select("#", ...) end)(nil, nil)`, "2"},

		// arithmetic and concatenation
		{`return -2 ^ 2, 2 ^ -1, -2 ^ -2, 2 ^ 3 ^ 2, 1 / 0, -1 / 0, 7 % 3, -7 % 3, 1 .. 2`, "-4 0.5 -0.25 512 +Inf -Inf 1 2 12"},
		{`local a, b, c = "a", "b", "c" return a .. b .. c, (a .. b) .. c, a .. (b .. c) .. 1 .. 2`, "abc abc abc12"},
		{`local s = "x" s = s .. "-" .. s .. "-" .. s return s`, "x-x-x"},
		{`local t = setmetatable({}, { __concat = function(a, b) return (type(a) == "table" and "t" or a) .. (type(b) == "table" and "t" or b) end })
			return "a" .. "b" .. t .. "c" .. "d"`, "abtcd"},
		{`local n = 1 n = n + n * n - -n return n, #"ab" + 1`, "3 3"},
		{`local t = { v = 1 } function t.a() return "a" end function t:b(x) return self.v + x end t.c = { d = t } return t.a(), t:b(2), t.c.d:b(3), t.c["d"].v`, "a 3 4 1"},
		{`local t = { "b" } return ({ 1, 2 })[2], ("x"):rep(3), t[#t], #t`, "2 xxx b 1"},
		{`local k, t = nil, {} t["a" and "b"] = 1 t[k or "c"] = 2 return t.b, t.c, t[k and "c"]`, "1 2 nil"},

		// goto, as in Lua 5.2
		{`local n = 0 for i = 1, 4 do if i % 2 == 0 then goto continue end n = n + i ::continue:: end return n`, "4"},
		{`local t, i = {}, 0 ::again:: do local j = i t[#t + 1] = function() return j end i = i + 1 if i < 3 then goto again end end return t[1](), t[3]()`, "0 2"},
		{`local out do local x = 1 local i = 0 ::top:: if i == 1 then goto done end out = function() x = x + 1 return x end i = 1 goto top end ::done:: local y = 50 return out(), out(), y`, "2 3 50"},
	} {
		if got := run(t, helpers+tt.source); got != tt.want {
			t.Errorf("%s\ngot %s, want %s", tt.source, got, tt.want)
		}
	}
}

func numbered(format string, from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// Limits are lua5.1's.
func TestLimits(t *testing.T) {
	locals := numbered("local v%d = 1 ", 1, 200)
	for _, tt := range []struct{ name, source, want string }{
		{"locals", locals + "return v1 + v200", "2"},
		{"locals and temporaries", locals + "return (v1 + v2 * (v3 + #tostring(v4 .. v5))) .. select('#', 1, 2, 3, { v6, v7, v8 })", "44"},
		{"locals in a swap", locals + "v199, v200 = 'a', 'b' v199, v200 = v200, v199 return v199, v200", "b a"},
		{"locals and and", locals + "v200 = not v1 and v2 return v200", "false"},
		{"too many locals", locals + "local x", "line 1: main function has more than 200 local variables"},
		{"too many in a function", "\nlocal function f()\n" + locals + "\nlocal x end", "line 4: function at line 2 has more than 200 local variables"},
		{"too many for a loop", numbered("local v%d ", 1, 197) + "for i = 1, 2 do end", "line 1: main function has more than 200 local variables"},
		{"parameters", "local function f(" + strings.TrimSuffix(numbered("p%d, ", 1, 200), ", ") + ") return p200 end return f(" + numbered("%d, ", 1, 199) + "'x')", "x"},
		{"a parameter in the last register", "local function f(a, b, c) return c end return f(1, 2, 3)", "3"},
		{"upvalues", numbered("local v%d = 1 ", 1, 199) + "local function f() return function() return v1" + numbered(" + v%d", 2, 199) + " end end return f()()", "199"},
		{"items", "local t = {" + numbered("%d,", 1, 30000) + "} return #t, t[1], t[51], t[25551], t[30000]", "30000 1 51 25551 30000"},
		{"items that end with a call", "local t = {" + numbered("%d,", 1, 25600) + " (function() return 'a', 'b' end)() } return #t, t[25601], t[25602]", "25602 a b"},
		{"fields", "local t = {" + numbered("k%d = 'v%[1]d',", 1, 20000) + "} return t.k1, t.k256, t.k257, t.k20000", "v1 v256 v257 v20000"},
		{"constants", numbered("local s s = 'c%d' do ", 1, 2) + numbered("g%d = 'v%[1]d' ", 1, 300) + "local t = { m300 = function() return 'm' end } t.x, t.y = g300, t.x return g299, t:m300(), t.x, -1.5 end end", "v299 m v300 -1.5"},
		{"too many constants", "return {" + numbered("%d.5,", 1, 262145) + "}", "line 1: constant table overflow"},
		{"operands", "return " + strings.Repeat("'a' .. ", 240) + "'a'", strings.Repeat("a", 241)},
		{"too many operands", "return " + strings.Repeat("'a' .. ", 250) + "'a'", "line 1: function or expression too complex"},
		{"long jumps", "local n = 0 for i = 1, 2 do if i == 1 then " + strings.Repeat("n = n + 1 ", 60000) + "end end return n", "60000"},
		{"too long jumps", "local n = 0 while n < 1 do " + strings.Repeat("n = n + 1 ", 131073) + "end", "line 1: control structure too long"},
		{"no label", "goto a", "line 2: no visible label 'a' for <goto> at line 1"},
		{"label in a block", "do ::a:: end goto a", "line 2: no visible label 'a' for <goto> at line 1"},
		{"into a scope", "goto a local b ::a:: b = 1", "line 1: <goto a> at line 1 jumps into the scope of local 'b'"},
		{"no loop", "break", "line 1: no loop to break"},
	} {
		if got := run(t, tt.source); got != tt.want {
			t.Errorf("%s: got %.80q, want %.80q", tt.name, got, tt.want)
		}
	}
	// One byte counts upvalues.
	inner := "local function f() " + numbered("local b%d = 1 ", 1, 57) + "return function() return a1" + numbered(" + a%d", 2, 199) + numbered(" + b%d", 1, 57) + " end end"
	if got := run(t, numbered("local a%d = 1 ", 1, 199)+inner); got != "line 1: function at line 1 has more than 255 upvalues" {
		t.Errorf("got %.80q", got)
	}
}

// Errors are where lua5.1 says they are.
func TestLines(t *testing.T) {
	for _, tt := range []struct {
		source string
		line   int
	}{
		{"local x\nlocal y = x.y", 2},
		{"local t = {}\nt.a = 1\nt.b.c = 1", 3},
		{"local s = 'a' ..\n'b' ..\nnil", 3},
		{"local a\nlocal b = 1 +\na", 3},
		{"local t = {\na = 1,\nb = nil + 1,\n}", 3},
		{"local x\nif\n1 <\nx then end", 4},
		{"\nfor i = 1, nil do\nend", 2},
		{"local t = { a = {} }\nt\n.a\n.b()", 4},
		{"print(\n1,\nnil .. 'x')", 3},
		{"local function f()\nlocal x = nil\nreturn x + 1\nend\nf()", 3},
	} {
		proto, err := compile(tt.source)
		if err != nil {
			t.Fatal(err)
		}
		L := lua.NewState()
		L.Push(L.NewFunctionFromProto(proto))
		err = L.PCall(0, 0, nil)
		if want := fmt.Sprintf("test:%d: ", tt.line); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want an error in line %d", tt.source, err, tt.line)
		}
		L.Close()
	}
}

// A compilation ends with its context, and costs what the source is long.
func TestContext(t *testing.T) {
	chunk, err := parse.Parse(strings.NewReader("return {"+numbered("k%d = 'v%[1]d', ", 1, 100000)+"}"), "test")
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	looks := 0
	if _, err := Compile(&countedContext{ctx, &looks}, chunk, "test", nil); err != nil || looks < 100 {
		t.Errorf("%d looks at the context, %v", looks, err)
	}
	cancel(gone)
	if _, err := Compile(ctx, chunk, "test", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type countedContext struct {
	context.Context
	looks *int
}

func (c *countedContext) Err() error { *c.looks++; return c.Context.Err() }

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10_000, 40_000, 160_000} {
		chunk, err := parse.Parse(strings.NewReader("return {"+numbered("k%d = %[1]d, ", 1, n)+"}"), "test")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				_, err := Compile(context.Background(), chunk, "test", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
				if err != nil && n < 131072 {
					b.Fatal(err)
				}
			}
		})
	}
}
