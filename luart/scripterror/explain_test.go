package scripterror

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/chunk"
)

// FuzzPosition: whatever a message or a traceback says, Locate finds a line that there is, or none.
func FuzzPosition(f *testing.F) {
	for _, seed := range []string{
		"app.lua:2: boom", "app.lua:2", "app.lua:2147483648: x", `app.lua:1: loading module "x": m.lua:1: y`,
		`app.lua:1: loading module "m": `, "app.lua:\xff:", "\n\tapp.lua:1: in function 'x'",
	} {
		f.Add(seed, seed, false)
		f.Add(seed, seed, true)
	}
	f.Fuzz(func(t *testing.T, message, traceback string, ended bool) {
		var sources chunk.Files
		sources.Add("app.lua", []byte("local a\r\n\xffb()\n"), nil)
		sources.Add("m.lua", []byte("x"), &chunk.SyntaxError{File: "m.lua", Line: 1, Column: 9})
		err := &Error{Message: message, Traceback: traceback}
		if ended {
			err.End(errors.New("too long"), 500, true)
		}
		e := err.Locate(&sources)
		if e.File != nil && (e.Line < 1 || e.Line > len(e.File.Lines())) {
			t.Fatalf("line %d of %s", e.Line, e.File.Name)
		}
		if e.File == nil && strings.HasPrefix(message, "app.lua:2: ") {
			t.Fatalf("%q is nowhere", err.Message)
		}
		if _, wrong := json.Marshal(e.Lines()); wrong != nil || strings.Contains(e.String(), "\xff") && !strings.Contains(message+traceback, "\xff") {
			t.Fatalf("%v: %q", wrong, e.String())
		}
	})
}
