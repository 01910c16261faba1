package luart

import (
	"crypto/md5"
	_ "embed"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

//go:embed testdata/difflua/md5.lua
var md5Library string

// TestMD5 shows that a library of much arithmetic and multiple assignment computes what it should.
func TestMD5(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local md5 = (function(...) `+md5Library+` end)()
		function api.post(ctx) return md5(ctx:body():text() or "") end
		return api`, withBurst(time.Minute))
	texts := []string{"", "abc", "message digest", strings.Repeat("1234567890", 8), strings.Repeat("\x00\xff", 60)}
	for _, text := range texts {
		sum := md5.Sum([]byte(text))
		want := hex.EncodeToString(sum[:])
		if w := s.do("POST /", text); w.Code != 200 || w.Body.String() != want {
			t.Errorf("MD5 of %q is %d %s, want %s", text, w.Code, w.Body, want)
		}
	}
}
