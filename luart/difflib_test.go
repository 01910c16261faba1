package luart

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/internal/needs"
)

//go:embed testdata/difflua/library.lua
var diffLibrary string

// product is the calls of a function with each combination of arguments, and with each number of
// them.
func product(function string, arguments ...string) (calls []string) {
	lists := []string{""}
	for i := 0; ; i++ {
		for _, l := range lists {
			calls = append(calls, function+"("+l+")")
		}
		if i == len(arguments) {
			return calls
		}
		var longer []string
		for _, l := range lists {
			for _, v := range strings.Split(arguments[i], " ; ") {
				if l == "" {
					longer = append(longer, v)
				} else {
					longer = append(longer, l+", "+v)
				}
			}
		}
		lists = longer
	}
}

// Arguments, with " ; " between them.
const (
	anyValue = `nil ; true ; false ; 0 ; -1 ; 2.5 ; "" ; "10" ; "x" ; {} ; print ; 1e15 ; "0x10" ; 2/3 ; 1/0`
	numbers  = `nil ; 0 ; 1 ; -1 ; 2 ; 0.5 ; -1.5 ; 3.7 ; 1e15 ; -1e15 ; 1e300 ; 1/0 ; -1/0 ; ` +
		`0/0 ; "3" ; " 7 " ; "0x1F" ; "1e1" ; "x" ; "" ; {} ; true`
	places = `nil ; 0 ; 1 ; 2 ; 3 ; -1 ; -2 ; -4 ; 1.5 ; 2.9 ; -1.5 ; 100 ; -100 ; "2" ; "x" ; {}`
	texts  = `nil ; "" ; "abc" ; "a\0b" ; "héllo" ; "aXbXc" ; "  x  " ; 12 ; 1.5 ; -0.5 ; 1/0 ; -1/0 ; ` +
		`2/3 ; 2^53 ; ` +
		`true ; {} ; "[x](y)" ; "THE (quick) fox"`
	matchers = `nil ; "" ; "a" ; "^a" ; "c$" ; "." ; ".-" ; ".*" ; "%a+" ; "(%a)(.)" ; "()" ; ` +
		`"()b()" ; "%b()" ; "%b[]" ; "%f[%a]%a+" ; "%f[%z]" ; ` +
		`"[a-c]+" ; "[^%s]+" ; "[]]" ; "[%]]" ; "[a%-z]" ; "[%a-z]" ; "%s*" ; "(a*)" ; ` +
		`"(.)%1" ; "%z" ; "%W" ; "X" ; "%" ; "[a" ; "(a" ; "a)" ; "%b" ; "%f" ; "%1" ; "a$b" ; ` +
		`"a^" ; "[]" ; "[^]" ; "%bxx" ; "a-b" ; "-" ; "*" ; "a?b" ; "%x+" ; "%d" ; 1 ; {}`
	values = `nil ; {} ; {1, 2, 3} ; {"c", "a", "b"} ; {3, 1, 2} ; {1, "x"} ; {true} ; ` +
		`{n = 3} ; {[2] = 2} ; "x" ; 1 ; {{}, {}} ; {1/0, -1/0, 1/3, 2^53, 1e100}`
)

// libraryCalls are the expressions of TestDiffLibrary.
func libraryCalls() (calls []string) {
	add := func(function string, arguments ...string) {
		calls = append(calls,
			product(function, arguments...)...)
	}
	for _, f := range strings.Fields("tostring type ipairs pairs next rawget select unpack tonumber assert getmetatable rawequal rawset setmetatable pcall error loadstring") {
		switch f {
		case "ipairs", "pairs", "type", "tostring":
			add(f, anyValue)
		case "tonumber", "select":
			add(f, numbers+" ; "+anyValue+` ; "0b1" ; "1_0" ; "0x" ; "0xG" ; "7fffffff" ; `+
				`"zz" ; "-ff" ; "- 1" ; "1 2" ; "1e" ; ".5" ; "5." ; "." ; "1\0" ; "#"`,
				places+" ; 8 ; 10 ; 16 ; 36 ; 37")
		case "unpack":
			add(f, values, places, places)
		case "rawset":
			add("on", `{} ; nil ; "x"`, f, anyValue+" ; 0/0", "1 ; nil")
		case "pcall":
			add(f, `nil ; fail ; id ; "x" ; {} ; print and error`, "1 ; nil", `"a" ; {}`)
		case "loadstring":
			add(f, `nil ; "x =" ; "return 1" ; 1 ; {}`, `nil ; 1 ; "=x" ; "@y" ; {}`)
			add("place", `"x =" ; "\n\nx = = 1" ; 1 ; "f(\n" ; "x = 'a" ; ("long "):rep(20) ; "\rx" ; "goto" ; "return 1"`,
				`nil ; 1 ; "" ; "=" ; "@" ; "=x" ; "@y" ; "z" ; "a\nb" ; "\n" ; "a\rb" ; "=a\nb" ; `+
					`("x"):rep(43) ; ("x"):rep(44) ; "=" .. ("x"):rep(59) ; "=" .. ("x"):rep(60) ; `+
					`"@" .. ("x"):rep(52) ; "@" .. ("x"):rep(53)`)
		case "error":
			add(f, `nil ; "!x" ; 1 ; {} ; true`, `nil ; 0 ; "0" ; 100 ; -1`)
		default:
			add(f, anyValue+` ; meta({__metatable = "m"}) ; meta({})`, anyValue)
		}
	}
	add("select", `"#" ; "2" ; -1 ; 1 ; 2.9 ; 0 ; -3`, "nil ; 1", "nil ; 2")

	add("string.len", texts)
	add("string.lower", texts)
	add("string.upper", texts)
	add("string.reverse", texts)
	add("string.byte", texts, places, places)
	add("string.sub", texts, places, places)
	add("string.rep", texts, `nil ; 0 ; -1 ; 3 ; 2.9 ; "2" ; "x" ; {}`)
	add("string.char", numbers+" ; 255 ; 256 ; 65.9 ; -0.5", "66 ; nil ; 300")
	add("string.find", texts, matchers, `nil ; 2 ; -2 ; 100 ; "x"`, "true ; 0")
	add("string.match", texts, matchers, `nil ; 2 ; -1 ; -100 ; {}`)
	add("all", `"" ; "abc" ; "a\0b" ; "aXbXc" ; "  x  " ; "THE (quick) fox"`, matchers)
	add("string.gsub", texts, matchers, `nil ; "" ; "<%0>" ; "%1" ; "%2" ; "%%" ; "%" ; "%x" ; `+
		`"%9" ; 5 ; {} ; {a = "A", b = 1, c = false} ; {a = {}} ; string.upper ; id ; fail ; true`)
	add("string.gsub", `"abcabc" ; "" ; nil`, `"" ; "b" ; "." ; "^a"`, `"-" ; {a = true} ; `+
		`function(a, b) return b end ; function() return {} end`, places)
	for _, flags := range []string{
		"", "-", "+", " ", "#", "0", "-0", "+0", "5", "-5", "05",
		".0", ".3", "8.3", "+8.3", "-8.3", "#.3", "08.3", "99", "100", ".100", "--", ".",
	} {
		for verb := range strings.SplitSeq("diuoxXeEfgGcsqaAnpFzl%", "") {
			add("string.format", `"[%`+flags+verb+`]"`, `0 ; 1 ; -1 ; 65 ; 2.5 ; -3.99 ; 1e15 ; `+
				`1e20 ; 1/0 ; -1/0 ; 0/0 ; "12" ; "0x10" ; "abc" ; "a\0\n\r\"\\" ; nil ; {}`)
		}
	}
	add("string.format", `nil ; "" ; "%" ; "%5" ; "a%%b" ; "%d %s" ; "%s" ; 5 ; {} ; "%\0" ; `+
		`"%-+ #0-d"`, "nil ; 1", `"x" ; 2`)

	add("on", values, "table.insert", places, `nil ; "v"`, `nil`)
	add("on", values, "table.remove", places)
	add("on", values, "table.sort", `nil ; function(a, b) return a > b end ; fail ; 1 ; "x"`)
	add("on", values, "table.maxn")
	add("on", values, "table.getn")
	add("on", values, "table.foreach", "nil ; function(k, v) return k end ; 1")
	add("on", values, "table.foreachi", "nil ; function(k, v) return v end ; 1")
	add("on", values, "table.setn", "nil ; 1")
	add("table.concat", values, `nil ; "" ; ", " ; 1 ; {}`, places, places)
	add("table.maxn", `nil ; {} ; {[1.5] = 1} ; {[-1] = 1} ; {[1e10] = 1} ; {1, nil, 3}`)

	for _, f := range strings.Fields("abs acos asin atan ceil cos cosh deg exp floor frexp log log10 modf rad sin sinh sqrt tan tanh") {
		add("math."+f, numbers, "nil ; 1")
	}
	for _, f := range strings.Fields("atan2 fmod mod ldexp pow max min") {
		add("math."+f, numbers, numbers)
	}
	add("math.max", "1 ; 0/0 ; nil", `"2" ; 0/0 ; {}`, "nil ; 3 ; -1/0")
	add("math.random", `0 ; -1 ; 0.5 ; nil ; "x" ; {}`, `-2 ; nil ; "x" ; {}`, "1")
	add("math.randomseed", `nil ; 1 ; "2" ; "x"`)

	for verb := range strings.SplitSeq("aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%", "") {
		add("os.date", `"!%`+verb+`"`, `0 ; 86399 ; 951782400 ; 1609459199 ; 1e9 ; -1 ; 1.9 ; `+
			`"5" ; 4102444800`)
	}
	add("os.date", `"!*t" ; "!*tx" ; "!" ; "" ; "!x%%y" ; 5 ; {} ; "!a\0b"`, `0 ; "1e3" ; `+
		`1709210096.7 ; "x" ; {}`)
	add("os.time", `{year = 2020, month = 1, day = 1} ; `+
		`{year = 2020, month = 14, day = -3, hour = 30, min = -5, sec = 100} ; `+
		`{year = "1999", month = "12", day = "31", hour = 0} ; {} ; {year = 2020} ; 1 ; "x" ; `+
		`{year = 2020, month = 1, day = 1.9} ; {year = 2020, month = 1, day = "x"} ; `+
		`{year = 2020, month = 1, day = 1, hour = "x"} ; `+
		`{year = 2020, month = 6, day = 1, isdst = false} ; `+
		`{year = 2020, month = 1, day = 1, hour = {}}`)
	add("os.difftime", numbers, numbers)

	add("coroutine.create", anyValue)
	add("coroutine.wrap", anyValue)
	add("coroutine.resume", anyValue, "1")
	add("coroutine.status", anyValue)
	add("coroutine.yield", "nil ; 1")
	add("coroutine.running", "nil ; 1")
	add("steps", `id ; fail ; coroutine.yield ; function(...) return coroutine.yield(...) end ; `+
		`function(...) coroutine.yield(..., 1) error({}) end ; `+
		`function() return coroutine.resume(coroutine.running()) end ; `+
		`function() return coroutine.status(coroutine.running()) end ; `+
		`function() coroutine.wrap(fail)() end ; `+
		`function(f) return pcall(coroutine.wrap(function() coroutine.yield(1) end)) end`,
		"nil ; 1", "2")
	return calls
}

// diffLibraryRight are the calls that differ, each with the reason why that is right.
var diffLibraryRight = []struct{ call, why string }{
	{`^getmetatable\(("|meta)`, "strings have metamethods of arithmetic here"},
	{`^loadstring\((1|"x =")`, "the words of syntax errors are our own; their place is compared by place"},
	{
		`^(all|string\.(find|match|gsub))\(.*"(\(a|a\)|%|\[a|%b|%f|%1|\[\]|\[\^\]|%bxx)"`,
		"a malformed pattern is an error also where matching does not come that far",
	},
	{
		`^string\.gsub\(.*"%[x9]?"`,
		"a malformed replacement is an error; C Lua reads behind its end",
	},
	{
		`^string\.format\(".*s\]?"(, (nil|\{\})|.*\\0|.*\b1e15)`,
		"%s takes any value, and zero bytes",
	},
	{`^string\.format\("[^"]*[eEfgGsq]\]", 0/0`, "what is no number has no sign"},
	{`^string\.format\("[^"]*c\]", (0|1e15|1e20|-?1/0|0/0)`, "a zero byte ends no string"},
	{`^string\.format\("[^"]*[diuoxX]\]", (1e20|-?1/0|0/0)`, "%d takes no number beyond 64 bits"},
	{`^(select|string\.char)\((.*, )?(-?1e15|1e300|-?1/0|0/0)`, "beyond an int of C"},
	{`^math\.ldexp\(.*, (-?1e15|1e300|-?1/0|0/0)\)`, "beyond an int of C"},
	{`^tonumber\(0/0, 36`, "what is no number has no sign"},
	{`^os\.difftime\(.*(1e300|1/0|0/0|\.[57])`, "times here are not cut to integers"},
	{`^(on|unpack|table\.concat)\(\{\[2\] = 2\}`, "the length of a list with holes is any of its borders"},
	{
		`^on\(.*table\.(foreach|foreachi|setn)\b`,
		"foreach, foreachi and setn are not there: gone since Lua 5.2",
	},
	{`^on\(.*table\.insert, (0|-[0-9.]+|nil|0\.5)`, "a position below 1 is an error"},
	{
		`^(coroutine\.(create|wrap)\(print|steps\(coroutine\.yield)`,
		"the body of a coroutine may be a Go function",
	},
	{`^next\((\{\}|meta\()`, "a key that is not there begins anew"},
	{`^(tonumber|select)\("1\\0"`, "a zero byte does not end a string that spells a number"},
	{`^tonumber\((-|"-)`, "a negative number in a base is negative, as in Lua 5.2"},
	{`^(os\.date|os\.time|math\.random)\(\)`, "no two are the same"},
	{`^os\.date\(".*\\0`, "a zero byte does not end a format"},
	{`^os\.date\(("[^"]*"|5)\)$`, "the time is another"},
	{`^steps\(function\(\) coroutine\.wrap\(fail`, "coroutine.wrap hands errors on as they are"},
	{`^tostring\((\{\}|print)`, "an address"},
	{
		`^pcall\(print and error|^steps\(function\(\) return coroutine\.resume`,
		"the words of errors are our own",
	},
	{
		`^tonumber\((nil|true|false|\{\}|print)`,
		"what spells no number in a base is nil, of whatever type",
	},
	{`^os\.time\(.*hour = ("x"|\{\})`, "a field that is no number is an error"},
}

// raised says whether a call has raised an error.
func raised(said string) bool {
	return strings.HasPrefix(said, "error: ") || strings.HasPrefix(said, "bad argument #") ||
		strings.HasPrefix(said, "raises ")
}

// diffEach hands texts one by one to the function that a file of testdata/difflua returns, here and
// in lua5.1, and returns the lines that it says of them.
func diffEach(t *testing.T, file string, texts []string) (got, want []string) {
	t.Helper()
	needs.Program(t, "lua5.1")
	var escaped strings.Builder // a line each
	for _, text := range texts {
		for _, c := range []byte(text) {
			if c < ' ' || c == '\\' || c > '~' {
				fmt.Fprintf(&escaped, "\\%03d", c)
			} else {
				escaped.WriteByte(c)
			}
		}
		escaped.WriteByte('\n')
	}
	const each = `
		local function each(texts, say)
			for text in texts:gmatch("[^\n]+") do
				say(run((text:gsub("\\(%d%d%d)", function(d) return string.char(tonumber(d)) end))))
			end
		end`
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "lua5.1", "-")
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	cmd.Stdin = strings.NewReader("local run = " + diffRunner(file) + each + `
		each([==========[` + escaped.String() + `]==========],
			function(line) io.write(line, "\n") end)`)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("lua5.1: %v: %s", err, stderr.Bytes())
	}
	s := newServer(t, `
		local api = rover.server {}
		local run = `+diffRunner(file)+each+`
		function api.post(ctx)
			local said = {}
			each(ctx:body():text(), function(line)
				said[#said + 1] = line
				if #said % 100 == 0 then rover.sleep(0) end
			end)
			return table.concat(said, "\n")
		end
		return api`, func(s *Script) {
		s.Timeout, s.Burst, s.MaxBody = 10*time.Minute, 10*time.Minute, 64<<20
	})
	w := s.do("POST /", escaped.String())
	if w.Code != 200 {
		t.Fatalf("answer %d: %s", w.Code, w.Body)
	}
	want = strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	got = strings.Split(w.Body.String(), "\n")
	if len(want) != len(texts) || len(got) != len(texts) {
		t.Fatalf("of %d texts lua5.1 says %d things, we %d", len(texts), len(want), len(got))
	}
	return got, want
}

// TestDiffLibrary calls the functions of the library with what they expect, and with what they do
// not, here and in lua5.1. What they return is compared; of calls that raise in both, only that they
// raise. The calls of diffLibraryRight are made and not compared.
func TestDiffLibrary(t *testing.T) {
	calls := libraryCalls()
	got, want := diffEach(t, diffLibrary, calls)
	patterns := make([]*regexp.Regexp, len(diffLibraryRight))
	for i, r := range diffLibraryRight {
		patterns[i] = regexp.MustCompile(r.call)
	}
	right := func(call string) bool {
		return slices.ContainsFunc(patterns,
			func(p *regexp.Regexp) bool { return p.MatchString(call) })
	}
	for i, p := range patterns {
		needed := false
		for j, call := range calls {
			needed = needed || got[j] != want[j] && !(raised(got[j]) && raised(want[j])) && p.MatchString(call)
		}
		if !needed {
			t.Errorf("no call that %s allows to differ does", diffLibraryRight[i].call)
		}
	}
	differ := 0
	for i, call := range calls {
		if got[i] == want[i] || raised(got[i]) && raised(want[i]) || right(call) {
			continue
		}
		t.Errorf("%s is\n%s\nand in lua5.1\n%s", call, got[i], want[i])
		if differ++; differ > 20 {
			t.Fatal("and so on")
		}
	}
	t.Logf("%d calls", len(calls))
}
