package scripts

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
)

// script writes a Lua file and returns its path.
func script(t testing.TB, path, source string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(source), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// says is a script that answers with its version and a text.
func says(text string) string {
	return `local api = rover.server {}
		function api.get() return rover.version .. " ` + text + `" end
		return api`
}

// served is a script in a test, as a rover directive would run it.
type served struct {
	Script
	name string // of the VM
	vm   *VM    // nil: none acquired
}

// newScript returns a script that has not been added to a group. The name is that of the VM; "" is
// the path.
func newScript(path, name string) *served {
	if name == "" {
		name = path
	}
	return &served{name: name, Script: Script{Settings: luart.Script{
		Path: path, Timeout: 30 * time.Second, Burst: time.Second, MaxBody: 1 << 20, Logger: zap.NewNop(),
	}}}
}

// provision adds the script to a group.
func (s *served) provision(g *Group) (err error) {
	if s.vm, err = Acquire(s.name, luart.VMOptions{Logger: zap.NewNop()}, 0); err != nil {
		return err
	}
	return g.Add(s.vm, &s.Script)
}

// cleanup gives the VM back, as Caddy does when the config is gone.
func (s *served) cleanup(t testing.TB) {
	t.Helper()
	s.Retire()
	if s.vm == nil {
		return
	}
	if err := s.vm.Release(); err != nil {
		t.Error(err)
	}
}

// newGroup is the group of a config that is stopped at the end of the test.
func newGroup(t testing.TB) *Group {
	g := NewGroup(Options{Logger: zap.NewNop()})
	t.Cleanup(func() {
		g.Stop()
		g.Cleanup()
	})
	return g
}

// begin starts a config of scripts.
func begin(t testing.TB, g *Group, scripts ...*served) error {
	for _, s := range scripts {
		t.Cleanup(func() { s.cleanup(t) })
		if err := s.provision(g); err != nil {
			return err
		}
	}
	t.Cleanup(g.Stop) // before the scripts' cleanup
	return g.Start()
}

// get returns what a script answers, "next" when it passes the request on.
func get(t testing.TB, s *served, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	x := s.Live().Begin(w, httptest.NewRequest("GET", path, nil), struct{ luart.Host }{}, nil)
	if x == nil {
		return "next"
	}
	defer x.End()
	outcome, err := x.Run()
	if err != nil || outcome != luart.Answer {
		t.Errorf("%s: %v, %v", path, outcome, err)
		return ""
	}
	if err := x.Write(w); err != nil {
		t.Error(err)
	}
	return w.Body.String()
}
