package chunk

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestCompileErrors(t *testing.T) {
	for _, tt := range []struct{ source, want string }{
		{"x = = 1", "app.lua:1: syntax error near '='"},
		{"x =", "app.lua:1: syntax error near '<eof>'"},
		{"if x then\n\n", "app.lua:3: syntax error near '<eof>'"},
		{"\n\nfoo", "app.lua:3: syntax error near '<eof>'"},
		{"a.b\nc = 1", "app.lua:2: syntax error near 'c'"},
		{"x = 'abc", "app.lua:1: unterminated string near '<eof>'"},
		{"x = 'a\"bc\n", `app.lua:1: unterminated string near 'a"bc'`},
		{"x = [[abc", "app.lua:1: unterminated multiline string near '<eof>'"},
		{"x = @", "app.lua:1: invalid token near '@'"},
		{"break", "app.lua:1: no loop to break"},
		{"function f() return ... end", "app.lua:1: cannot use '...' outside a vararg function"},
		{"goto nowhere", "app.lua:2: no visible label 'nowhere' for <goto> at line 1"},
		{"\n::a:: ::a::", "app.lua:2: label 'a' already defined on line 2"},
		{"return 1e", "app.lua:1: malformed number near '1e'"},
		{"\n\nreturn 2e+ ", "app.lua:3: malformed number near '2e+'"},
		{"x = " + strings.Repeat("y", 100) + " z = z z", "app.lua:1: syntax error near"},
		{"return " + strings.Repeat("a", 99) + strings.Repeat(" b", 2), "app.lua:1: syntax error near 'b'"},
		{"\x1bLuaQ", "app.lua:1: precompiled chunks are not supported"},
		{manyLocals(201), "app.lua:1: main function has more than 200 local variables"},
		{manyUpvalues(256), "app.lua:"},
	} {
		proto, err := Compile([]byte(tt.source), "app.lua")
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || proto != nil {
			t.Errorf("%.40q: got %v, want a SyntaxError", tt.source, err)
			continue
		}
		if !strings.HasPrefix(err.Error(), tt.want) || strings.ContainsAny(err.Error(), "\n\r\x00") {
			t.Errorf("%.40q: got %q, want %q", tt.source, err, tt.want)
		}
		if syntax.File != "app.lua" || syntax.Line < 1 {
			t.Errorf("%.40q: no place in %+v", tt.source, syntax)
		}
	}
}

func manyLocals(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "local v%d ", i)
	}
	return b.String()
}

// manyUpvalues is a function that uses n variables of the two functions around it.
func manyUpvalues(n int) string {
	var b, use strings.Builder
	for i := range n {
		if i == n/2 {
			b.WriteString("return function() ")
		}
		fmt.Fprintf(&b, "local v%d ", i)
		fmt.Fprintf(&use, "v%d=1 ", i)
	}
	return b.String() + "return function() " + use.String() + " end end"
}

func TestCompileAccepts(t *testing.T) {
	chain := func(unit, end string, n int) string { return strings.Repeat(unit, n) + end }
	for _, source := range []string{
		"", "\n", "#!/usr/bin/env lua\nreturn 1", "#!no newline", "\xef\xbb\xbfreturn 1", "return 0xffffffffffffffffff",
		"return 08, 1e308, 1e999, .5, 5.",
		"x = " + chain("a + ", "a", 1500),
		"x = " + chain("a or ", "a", 1500),
		"x = a" + chain(".b", "", 1500),
		"a" + chain(":b()", "", 1500),
		"if a then " + chain("elseif a then ", "end", 1500),
		"x = " + chain("a .. ", "a", 150),
		"x = " + chain("{", "", 90) + chain("}", "", 90),
		chain("do ", "", 150) + chain(" end", "", 150),
		manyLocals(200), manyUpvalues(200),
		"return {" + chain("1,", "", 20000) + "}",
	} {
		if _, err := Compile([]byte(source), "app.lua"); err != nil {
			t.Errorf("%.40q: %v", source, err)
		}
	}
}

// TestCompileDepth feeds the compiler what would overflow its Go stack, which ends the process, or
// keep it busy for seconds.
func TestCompileDepth(t *testing.T) {
	rep := strings.Repeat
	for name, unit := range map[string][3]string{
		"paren":      {"x = ", "(", "1"},
		"brace":      {"x = ", "{", "}"},
		"index":      {"x = ", "a[", "1"},
		"call":       {"x = ", "f(", "1"},
		"not":        {"x = ", "not ", "1"},
		"minus":      {"x = ", "- ", "a"},
		"length":     {"x = ", "#", "a"},
		"concat":     {"x = ", "a..", "a"},
		"power":      {"x = ", "a^", "a"},
		"plus":       {"x = ", "a+", "a"},
		"or":         {"x = ", "a or ", "a"},
		"and":        {"x = ", "a and (b or ", "a"},
		"compare":    {"x = ", "a<", "a"},
		"number":     {"x = ", "1+", "1"},
		"function":   {"x = ", "function() return ", "1"},
		"statement":  {"", "function f() ", "end"},
		"do":         {"", "do ", "end"},
		"while":      {"", "while a do ", "end"},
		"repeat":     {"", "repeat ", "until a"},
		"if":         {"", "if a then ", "end"},
		"elseif":     {"if a then ", "elseif a then ", "end"},
		"for":        {"", "for i=1,2 do ", "end"},
		"for in":     {"", "for k in p do ", "end"},
		"field":      {"x = a", ".a", ""},
		"calls":      {"a", "()", ""},
		"methods":    {"a", ":a()", ""},
		"string":     {"a", "''", ""},
		"table call": {"a", "{}", ""},
	} {
		deepest := 5000
		if name == "not" || name == "paren" {
			deepest = 64 << 10 // the longest source of load
		}
		for _, n := range []int{250, 3000, deepest} {
			closing := map[string]string{
				"paren": ")", "brace": "}", "index": "]", "call": ")", "function": " end", "and": ")", "do": " end",
				"while": " end", "if": " end", "for": " end", "for in": " end", "statement": " end", "repeat": " until a",
			}[name]
			for _, source := range []string{
				unit[0] + rep(unit[1], n) + unit[2],
				unit[0] + rep(unit[1], n) + unit[2] + rep(closing, n),
				unit[0] + rep(unit[1], n) + rep(closing, n),
			} {
				_, err := Compile([]byte(source), "deep.lua")
				var syntax *SyntaxError
				if err != nil && !errors.As(err, &syntax) {
					t.Errorf("%s %d: %v", name, n, err)
				}
				if n == deepest && name != "paren" && err == nil {
					t.Errorf("%s %d: compiled", name, n)
				}
			}
		}
	}
	// Many levels of arithmetic below many others: each is looked at once.
	big := "x = " + rep("(", 900) + "(" + rep("a+", 900) + "a)" + rep("+("+rep("a+", 900)+"a))", 900)
	if _, err := Compile([]byte(big), "deep.lua"); err != nil {
		t.Error(err)
	}
}

// TestCompileTidies holds down what a prototype keeps of the compiler's buffers.
func TestCompileTidies(t *testing.T) {
	proto, err := Compile([]byte("return function() return 1 end"), "app.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*lua.FunctionProto{proto, proto.FunctionPrototypes[0]} {
		if cap(p.Code) > 16 || cap(p.DbgSourcePositions) > 16 || cap(p.DbgCalls) > 16 {
			t.Errorf("%d instructions have room for %d", len(p.Code), cap(p.Code))
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"return 1e", "x = 'a\\", "goto a ::a::", "local a <const> = 1", "--[[", "f{}''()", "a.b:c(...)"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		_, err := Compile(source, "fuzz.lua")
		var syntax *SyntaxError
		if err != nil && (!errors.As(err, &syntax) || syntax.Line < 1 || syntax.Message == "") {
			t.Errorf("%q", err)
		}
	})
}
