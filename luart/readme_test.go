package luart

import (
	"os"
	"regexp"
	"testing"
)

// Every Lua block of the README is a script that loads, and answers as the comments at
// its end say.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```lua\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("no Lua blocks")
	}
	for _, b := range blocks {
		s := newServer(t, b[1], func(s *Script) { s.Config = map[string]string{"token": "s3cret"} })
		n := s.replay(b[1], 1)
		if n == 0 {
			t.Errorf("a block says no request and answer:\n%s", b[1])
		}
	}
}
