package re

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
	"github.com/caddy-rover/rover/luart/luaval"
)

func TestRE(t *testing.T) {
	const wrong = "error: <string>:1: bad argument #"
	luarttest.Run(t, "re", Open, []luarttest.Case{
		{"match, groups", `return rover.re.match("key = value", "(\\w+)\\s*=\\s*(\\w+)")`, "key | value"},
		{"match, whole", `return rover.re.match("key = value", "\\w+")`, "key"},
		{"match, none", `return rover.re.match("key", "\\d")`, "nil"},
		{"match, a group without a part", `return rover.re.match("b", "(a)?(b)")`, "nil | b"},
		{"match, init", `return rover.re.match("a1b2", "[a-z]\\d", 2)`, "b2"},
		{"match, init from the end", `return rover.re.match("a1b2c3", "[a-z]\\d", -3)`, "c3"},
		{"match, init behind the end", `return rover.re.match("a", "$", 9)`, ""},
		{"match, ^ is the beginning of s", `return rover.re.match("ab", "^b", 2)`, "nil"},
		{"match, ^ of a line", `return rover.re.match("a\nb", "(?m)^b", 3)`, "b"},
		{"match, \\b looks back", `return rover.re.find("abc c", "\\bc", 2)`, "5 | 5"},
		{"match, init in a character", `return rover.re.find("\195\164b", "\\bb", 2)`, "3 | 3"},
		{"match, characters", `return rover.re.match("h\195\164user", "^.{2}")`, "h\u00e4"},
		{"match, bytes that are no UTF-8", `return #rover.re.match("a\255\254b", "a..b")`, "4"},
		{"match, NUL", `return #rover.re.match("a\0b", "a\\x00b")`, "3"},
		{"match, numbers", `return rover.re.match(12, 2)`, "2"},
		{"match, case", `return rover.re.match("GET", "(?i)get|post")`, "GET"},
		{"match, an unfinished quotation", `return rover.re.find("aa.b", "\\b|\\Q.b", 2)`, "3 | 2"},
		{"find", `return rover.re.find("key = value", "\\s*(=)\\s*")`, "4 | 6 | ="},
		{"find, empty", `return rover.re.find("abc", "x*", 2)`, "2 | 1"},
		{"find, none", `return rover.re.find("abc", "x")`, "nil"},
		{"named", `local t = rover.re.named("2024-05", "(?P<year>\\d+)-(?P<month>\\d+)(?P<day>-\\d+)?") return t.year, t.month, t.day`, "2024 | 05 | nil"},
		{"named, none", `return rover.re.named("x", "(?P<year>\\d+)")`, "nil"},
		{"gmatch", `local r = {} for k, v in rover.re.gmatch("a=1, b=2", "(\\w)=(\\d)") do r[#r + 1] = k .. v end return table.concat(r, " ")`, "a1 b2"},
		{"gmatch, whole", `local r = {} for w in rover.re.gmatch("one two", "\\w+") do r[#r + 1] = w end return table.concat(r, "|")`, "one|two"},
		{"gmatch, a group without a part", `local r = {} for a, b in rover.re.gmatch("ba", "(a)|(b)") do r[#r + 1] = tostring(a) .. tostring(b) end return table.concat(r, " ")`, "falseb afalse"},
		{"gmatch, empty", `local n = 0 for _ in rover.re.gmatch("abc", "") do n = n + 1 end return n`, "4"},
		{"gmatch, over", `local f = rover.re.gmatch("a", "a") f() return f(), f()`, "nil | nil"},
		{"gsub, string", `return rover.re.gsub("john smith", "(\\w+) (?P<last>\\w+)", "${last}, $1 $0 $$")`, "smith, john john smith $ | 1"},
		{"gsub, n", `return rover.re.gsub("aaa", "a", "b", 2)`, "bba | 2"},
		{"gsub, n of nothing", `return rover.re.gsub("aaa", "a", "b", 0)`, "aaa | 0"},
		{"gsub, ^ once", `return rover.re.gsub("aaa", "^a", "b")`, "baa | 1"},
		{"gsub, lines", `return rover.re.gsub("a\nb", "(?m)^", "> ")`, "> a\n> b | 2"},
		{"gsub, words", `return rover.re.gsub("ab cd", "\\b", "|")`, "|ab| |cd| | 4"},
		{"gsub, empty", `return rover.re.gsub("\195\164b", "", "-")`, "-\u00e4-b- | 3"},
		{"gsub, a group without a part", `return rover.re.gsub("b", "(a)?b", "[$1]")`, "[] | 1"},
		{"gsub, no group", `return rover.re.gsub("a", "a", "$ ${ ${x $")`, "$ ${ ${x $ | 1"},
		{"gsub, table", `return rover.re.gsub("$a $b", "\\$(\\w)", {a = 1})`, "1 $b | 2"},
		{"gsub, function", `return rover.re.gsub("a1b2", "([a-z])(\\d)", function(a, n) return n .. a end)`, "1a2b | 2"},
		{"gsub, function of the whole", `return rover.re.gsub("a1", "\\d", function(d) return d + 1 end)`, "a2 | 1"},
		{"gsub, kept", `return rover.re.gsub("ab", ".", function(c) return c == "a" and "x" end)`, "xb | 2"},
		{"gsub, a number", `return rover.re.gsub("ab", "a", 7)`, "7b | 1"},
		{"split", `return table.concat(rover.re.split("a, b;c", "[,;]\\s*"), "|")`, "a|b|c"},
		{"split, n", `return table.concat(rover.re.split("a,b,c", ",", 2), "|")`, "a|b,c"},
		{"split, at the ends", `return table.concat(rover.re.split(",a,", ","), "|")`, "|a|"},
		{"split, characters", `return table.concat(rover.re.split("abc", ""), "|")`, "a|b|c"},
		{"split, nothing", `local t = rover.re.split("", ",") return #t, t[1]`, "1 | "},
		{"split, none", `local t = rover.re.split("abc", ",", 0) return #t`, "0"},
		{"quote", `return rover.re.match("1+1", rover.re.quote("1+1")), rover.re.quote("a.b")`, `1+1 | a\.b`},
		{
			"compile", `local re = rover.re.compile("(?P<k>\\w+)=(\\w*)")
			local n = 0 for _ in re:gmatch("a=b c=d") do n = n + 1 end
			return re:match("a=b"), re:find("  a=b", 2), re:named("a=b").k, n, re:gsub("a=b", "$2=$1"), #re:split("1a=b2"), tostring(re)`,
			`a | 3 | a | 2 | b=a | 2 | (?P<k>\w+)=(\w*)`,
		},
		{"compile, given back", `return rover.re.match("ab", rover.re.compile(rover.re.compile("b")))`, "b"},
		{"malformed", `rover.re.match("a", "(a")`, wrong + "2 to match (invalid regular expression: missing closing ): (a)"},
		{"malformed, compile", `rover.re.compile("a**")`, wrong + "1 to compile (invalid regular expression: invalid nested repetition operator: **)"},
		{"repeated too often", `rover.re.find("a", "a{1001}")`, wrong + "2 to find (invalid regular expression: invalid repeat count: {1001})"},
		{"no such group", `rover.re.gsub("a", "(a)", "$1x")`, wrong + "3 to gsub (the expression has no group 1x; ${1}x is group 1 and an x)"},
		{"no such number", `rover.re.gsub("a", "(a)", "$2")`, wrong + "3 to gsub (the expression has no group 2; ${1}x is group 1 and an x)"},
		{"replacement of no use", `rover.re.gsub("a", "a", function() return {} end)`, "error: <string>:1: invalid replacement value (a table)"},
		{"wrong replacement", `rover.re.gsub("a", "a", true)`, wrong + "3 to gsub (string or number or table or function expected, got boolean)"},
		{"wrong subject", `rover.re.split({}, "a")`, wrong + "1 to split (string expected, got table)"},
		{"wrong expression", `rover.re.match("a", {})`, wrong + "2 to match (string expected, got table)"},
		{"wrong subject of a method", `rover.re.compile("a"):match()`, wrong + "1 to match (string expected, got nil)"},
	})
}

func TestREKeeps(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	lib := &library{compiled: map[string]*Expr{}}
	L.Push(L.NewFunction(func(L *lua.LState) int {
		one := lib.check(L, 1)
		if lib.check(L, 1) != one {
			t.Error("compiled twice")
		}
		for i := range 2*maxExprs + 1 {
			L.Replace(1, lua.LString(strings.Repeat("a", i)))
			lib.check(L, 1)
			if len(lib.compiled) > maxExprs {
				t.Fatalf("%d kept", len(lib.compiled))
			}
		}
		return 0
	}))
	L.Push(lua.LString("a"))
	L.Call(1, 0)
}

// FuzzRE compares rover.re with what the regexp package says of all matches at once.
func FuzzRE(f *testing.F) {
	f.Add("(a)|b*", "aab\xffbc", "[$1]", 3)
	f.Add(`\b`, "ab c\xc3\xa4", "$0$0", 0)
	f.Add(`(?m)^(?P<x>.?)$`, "\n\na\n", "${x}", 1)
	f.Add(`\Bx|^|\Q.`, "xx.", "-", 2)
	f.Add("", "abc", "$", -1)
	L := lua.NewState()
	f.Cleanup(L.Close)
	lib := Open(L)
	call := func(t *testing.T, results int, fn string, args ...lua.LValue) bool {
		L.SetTop(0)
		L.Push(lib.RawGetString(fn))
		for _, a := range args {
			L.Push(a)
		}
		err := L.PCall(len(args), results, nil)
		if api, ok := err.(*lua.ApiError); ok && api.Type == lua.ApiErrorPanic {
			t.Fatal(err)
		}
		return err == nil
	}
	f.Fuzz(func(t *testing.T, source, s, repl string, n int) {
		source, s, repl = source[:min(len(source), 64)], s[:min(len(s), 64)], repl[:min(len(repl), 32)]
		re, err := regexp.Compile(source)
		values := []lua.LValue{lua.LString(s), lua.LString(source)}
		if err != nil {
			if call(t, 1, "match", values...) {
				t.Fatalf("%q compiles", source)
			}
			return
		}
		if !call(t, 2, "gsub", append(values, lua.LString(repl))...) {
			return // a group that is not there
		}
		count := len(re.FindAllStringIndex(s, -1))
		want := re.ReplaceAllString(s, repl)
		if got := L.Get(1).String(); got != want || L.Get(2) != lua.LNumber(count) {
			t.Fatalf("%q on %q with %q: %q, %s, want %q, %d", source, s, repl, got, L.Get(2), want, count)
		}
		args := values
		if n > 0 {
			args = append(args, lua.LNumber(n))
		} else {
			n = -1
		}
		if !call(t, 1, "split", args...) {
			t.Fatal("split failed")
		}
		var pieces []string
		luaval.CheckTable(L, 1).ForEach(func(_, v lua.LValue) { pieces = append(pieces, v.String()) })
		if want := re.Split(s, n); !slices.Equal(pieces, want) && s != "" {
			t.Fatalf("%q splits %q at most %d into %q, want %q", source, s, n, pieces, want)
		}
		x, err := New(source)
		if err != nil {
			t.Fatal(err)
		}
		m := exprMatches{x: x, s: s, last: -1}
		for i, want := range re.FindAllStringSubmatchIndex(s, -1) {
			if got := m.next(L); !slices.Equal(got, want) {
				t.Fatalf("%q on %q, match %d: %v, want %v", source, s, i, got, want)
			}
		}
		if got := m.next(L); got != nil {
			t.Fatalf("%q on %q: one more match, %v", source, s, got)
		}
	})
}
