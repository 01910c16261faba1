package chunk

import (
	"slices"
	"testing"
)

func TestSourcePosition(t *testing.T) {
	var s Files
	s.Add("app.lua", []byte("1\n2\r\n3\n\r4\r5\n"), nil)
	s.Add("lib/x.lua", []byte("only"), nil)
	s.Add("app.lua:3", []byte("odd\nname"), nil)
	for _, tt := range []struct {
		message, file string
		line          int
		rest          string
	}{
		{"app.lua:2: boom", "app.lua", 2, "boom"},
		{"app.lua:5:boom", "app.lua", 5, "boom"},
		{"app.lua:6: at the end", "app.lua", 6, "at the end"},
		{"lib/x.lua:1: no", "lib/x.lua", 1, "no"},
		{"app.lua:3:2: odd", "app.lua:3", 2, "odd"},
		{"app.lua:3:9: odd", "", 0, ""},
		{"app.lua:7: behind the end", "", 0, ""},
		{"app.lua:0: x", "", 0, ""},
		{"app.lua:-1: x", "", 0, ""},
		{"app.lua:+1: x", "", 0, ""},
		{"app.lua:01: x", "", 0, ""},
		{"app.lua:99999999999999999999: x", "", 0, ""},
		{"app.lua:1", "", 0, ""},
		{"app.lua", "", 0, ""},
		{"other.lua:1: x", "", 0, ""},
		{"boom app.lua:1: x", "", 0, ""},
		{"", "", 0, ""},
	} {
		file, line, rest := s.Position(tt.message)
		if tt.file == "" {
			if file != nil || line != 0 || rest != tt.message {
				t.Errorf("%q: got %v, %d, %q, want no position", tt.message, file, line, rest)
			}
			continue
		}
		if file == nil || file.Name != tt.file || line != tt.line || rest != tt.rest {
			t.Errorf("%q: got %v, %d, %q", tt.message, file, line, rest)
		}
	}
	if got := s.Get("app.lua").Lines(); !slices.Equal(got, []string{"1", "2", "3", "4", "5", ""}) {
		t.Errorf("lines: got %q", got)
	}
}

// A generation keeps no more than MaxSourceBytes, and a file that is loaded again once.
func TestSourcesAreBounded(t *testing.T) {
	var s Files
	half := make([]byte, MaxSourceBytes/2)
	for range 3 {
		s.Add("a", half, nil)
	}
	s.Add("b", half, nil)
	s.Add("c", []byte("x"), nil)
	if s.Get("a") == nil || s.Get("b") == nil || s.Get("c") != nil || s.bytes != MaxSourceBytes {
		t.Errorf("got %d bytes in %d files", s.bytes, len(s.files))
	}
	s.Add("a", []byte("x"), nil)
	s.Add("c", []byte("x"), nil)
	if s.Get("c") == nil || s.bytes != MaxSourceBytes/2+2 {
		t.Errorf("got %d bytes in %d files", s.bytes, len(s.files))
	}
}
