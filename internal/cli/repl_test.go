package cli

import (
	"reflect"
	"testing"
)

// A line is split as a shell does it.
func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                        nil,
		"  ":                      nil,
		"a  b\tc ":                {"a", "b", "c"},
		`'a "b' "c 'd" e\ f`:      {`a "b`, `c 'd`, "e f"},
		`"a\"b\\c\d" 'a\b'`:       {`a"b\c\d`, `a\b`},
		`'' ""`:                   {"", ""},
		`a'b'"c"d`:                {"abcd"},
		`ü "ä ö"`:                 {"ü", "ä ö"},
		`ends\`:                   {`ends\`},
		`-d '{"a": "it'\''s 1"}'`: {"-d", `{"a": "it's 1"}`},
	} {
		if got, err := splitWords(line); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`"a`, `'a`, `a "b\"`} {
		if got, err := splitWords(line); err == nil {
			t.Errorf("%s: %q", line, got)
		}
	}
}
