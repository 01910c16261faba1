package chunk

import (
	"bytes"
	"strings"
	"testing"
)

// What C Lua's lexer refuses, and gopher-lua's does not, with its place.
func TestReadSourceRefuses(t *testing.T) {
	for _, tt := range []struct {
		source  string
		column  int
		message string
	}{
		{"local s = 'a\\300'", 11, `a.lua:1: escape sequence too large near ''a\\300'`},
		{"return 1,\n 3x", 2, "a.lua:2: malformed number near '3x'"},
		{"x = f\n\t(1)", 2, "a.lua:2: ambiguous syntax (function call x new statement) near '('"},
		{"x = a:b'c'{}[1]\n--[[\n]] (y)()", 4, "a.lua:3: ambiguous syntax (function call x new statement) near '('"},
		{"return {1,\n,2}", 1, "a.lua:2: unexpected symbol near ','"},
		{"return {1, function() return {} ; end; --[==[]]]==] ; }", 53, "a.lua:1: unexpected symbol near ';'"},
	} {
		_, err := readSource([]byte(tt.source), "a.lua")
		if err == nil || err.Error() != tt.message || err.Column != tt.column {
			t.Errorf("%q: %+v, want %s in column %d", tt.source, err, tt.message, tt.column)
		}
	}
}

// What looks alike, and is none of that.
func TestReadSourceAccepts(t *testing.T) {
	for _, source := range []string{
		"local a, b\n(f or g)()", "local function f(a, b)\n(a or b)() end", "x = function()\n(f)() end\n(g or f)()",
		"x = 'a'\n(f)()", "x = {}\n(f)()", "x = nil\n(f)()", "x = 1\n(f)()", "do end\n(f)()", "repeat\n(f)() until\n(x)",
		"goto a ::a::\n(f)()", "f(\n(1))", "x = a\n.b", "f\n'x'", "f\n{}", "x = {1; 2,}", "x = '\\255\\n\\\n'",
		"return a..1 .. .5", "return ....5", "--[=", "--[=x\nreturn '", "x = a[ [[b]] ]", "f()\n[[x]]",
	} {
		read, err := readSource([]byte(source), "a.lua")
		if err != nil || strings.ReplaceAll(source, "--[=", "-- =") != string(read) {
			t.Errorf("%q becomes %q, %v", source, read, err)
		}
	}
	source := []byte("x\f=\v1 '\f' [[\v]] --\f\f")
	read, err := readSource(source, "a.lua")
	if err != nil || string(read) != "x = 1 '\f' [[\v]] --\f\f" || source[1] != '\f' {
		t.Errorf("%q becomes %q, %v", source, read, err)
	}
}

// Only blanks are written over source: places in messages are those in the file.
func FuzzReadSource(f *testing.F) {
	for _, chunk := range []string{
		`return '\300'`, "return 'a\\\r\nb'", "return [==[\n]] ]=] ]==]", "--[==[\n]]\n]==] return 2", "--[=x\nreturn 3",
		"return 1e+", "return 3..2", "return 0X1F", "return 1and 2", "local f = print\n(f)(1)", "return {1,,2}", "\f\v\rx = 1",
	} {
		f.Add([]byte(chunk))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		before := bytes.Clone(source)
		read, err := readSource(source, "a.lua")
		if !bytes.Equal(source, before) {
			t.Fatalf("the source has become %q", source)
		}
		if err != nil {
			if err.Line < 1 || err.Line > lastLine(source) || err.Column < 1 {
				t.Errorf("%q: %v in column %d", source, err, err.Column)
			}
			return
		}
		if len(read) != len(source) {
			t.Fatalf("%d bytes become %d", len(source), len(read))
		}
		for i, c := range read {
			if c != source[i] && (c != ' ' || !strings.ContainsRune("\f\v[", rune(source[i]))) {
				t.Fatalf("byte %d of %q becomes %q", i, source, c)
			}
		}
	})
}
