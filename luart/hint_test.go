package luart

import (
	"errors"
	"testing"
)

// Each mistake in the syntax has its hint, and its neighbour that looks like it has none.
func TestSyntaxHints(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for _, tt := range []struct{ source, hint string }{
		{"if a != b then end", "Lua writes ~= for !="},
		{"if !a then end", "Lua writes not for !"},
		{"if a && b then end", "Lua writes and for &&"},
		{"if a || b then end", "Lua writes or for ||"},
		{"n++", "Lua has no ++: write n = n + 1"},
		{"n += 1", "Lua has no +=: write n = n + 1"},
		{"n -= 1", "Lua has no -=: write n = n - 1"},
		{"n *= 1", "Lua has no *=: write n = n * 2"},
		{"n /= 1", "Lua has no /=: write n = n / 2; not equal is ~="},
		{"a = '!=' b &| c", ""},
		{"n = 1 + + 2", ""},
		{"n + = 1", ""},
		{"if a & b then end", ""},

		{"if a = 1 then end", "= assigns; == compares"},
		{"while a.b = 1 do end", "= assigns; == compares"},
		{"if a then b = = 1 end", ""},
		{"if a == 1 = 2 then end", ""},
		{"ifs = = 1", ""},

		{"function f()\n", "a block is open at the end of the file: a function, if, for, while or do lacks its end"},
		{"for i = 1, 2 do if i then", "a block is open at the end of the file: a function, if, for, while or do lacks its end"},
		{"f(function() return 1", `a call is open at the end of the file: a function in its arguments lacks "end)"`},
		{"f(1, 2", `a bracket is open at the end of the file: ")" is missing`},
		{"t = { 1, 2", `a bracket is open at the end of the file: "}" is missing`},
		{"repeat f()", "a repeat is open at the end of the file: it lacks its until"},
		{"x =", ""},
		{"x = 1 +", ""},

		{"function f() end\nend\n", "this end closes nothing: there is one too many, or the block was closed before"},
		{"if a then end end", "this end closes nothing: there is one too many, or the block was closed before"},
		{"function f() return 1 end end", "this end closes nothing: there is one too many, or the block was closed before"},
		{"function f() x = end", ""},
		{"return a b", ""},
		{"function f() return 1 end\nx = = 1", ""},
		{"function f()\n  if a then return 1 end\n  )\nend", ""},
		{"return 1\nf()", "return must be the last statement of its block"},
		{"function f()\n  return 1\n  g()\nend", "return must be the last statement of its block"},
		{"if a then return else b() end x = = 1", ""},
		{"x = 1 y z", ""},
	} {
		err := s.load(tt.source)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: got %v, want a syntax error", tt.source, err)
			continue
		}
		if got := syntax.about.hint; got != tt.hint {
			t.Errorf("%q: %v\ngot  %q\nwant %q", tt.source, err, got, tt.hint)
		}
	}
}

func TestEndHints(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for source, hint := range map[string]string{
		"local api = rover.server {}\nfunction api.get() end\n": `add "return api" as the last line`,
		"local a = rover.server {}\nreturn {}":                  "return a, what rover.server returned",
		"rover.server {}":                                       `a script begins with "local api = rover.server {}" and ends with "return api"`,
		"return {}":                                             `a script begins with "local api = rover.server {}" and ends with "return api"`,
	} {
		var script *ScriptError
		if err := s.load(source); !errors.As(err, &script) {
			t.Errorf("%q: got %v", source, err)
		} else if got := script.about.hint; got != hint {
			t.Errorf("%q:\ngot  %q\nwant %q", source, got, hint)
		}
	}
}
