package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
)

// running is a config with one script.
type running struct {
	t     testing.TB
	group *scripts.Group
	vm    *scripts.VM
	scripts.Script
	ended bool
}

// tryToStart starts a config whose script runs in the VM of a name.
func tryToStart(t testing.TB, name, source string) (*running, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.lua")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	vm, err := scripts.Acquire(name, luart.VMOptions{Logger: zap.NewNop()}, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, group: scripts.NewGroup(scripts.Options{Logger: zap.NewNop()}), vm: vm}
	r.Settings = luart.Script{Path: path, Timeout: 10 * time.Second, Burst: time.Second, Logger: zap.NewNop()}
	t.Cleanup(r.end)
	if err := r.group.Add(vm, &r.Script); err != nil {
		t.Fatal(err)
	}
	return r, r.group.Start()
}

// start starts a config with a script that does nothing.
func start(t testing.TB, name string) *running {
	t.Helper()
	r, err := tryToStart(t, name, `return rover.server {}`)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// end ends the config as Caddy does.
func (r *running) end() {
	if r.ended {
		return
	}
	r.ended = true
	r.group.Stop()
	r.Retire()
	if err := r.vm.Release(); err != nil {
		r.t.Error(err)
	}
	r.group.Cleanup()
}

// The admin API is about the config that started last and runs, also while Caddy, which has
// no active config here, has not taken it yet.
func TestAdminAnswersForWhatRuns(t *testing.T) {
	status := handlerOf(map[string]endpoint{http.MethodGet: {handle: getStatus}})
	ask := func(want string) {
		t.Helper()
		w := httptest.NewRecorder()
		err := status(w, httptest.NewRequest(http.MethodGet, "/rover/status", nil))
		var api caddy.APIError
		switch {
		case want == "" && !(errors.As(err, &api) && api.HTTPStatus == http.StatusNotFound):
			t.Errorf("got %v and %s, want a 404", err, w.Body)
		case want != "" && (err != nil || !strings.Contains(w.Body.String(), want)):
			t.Errorf("got %v and %s, want the VM %s", err, w.Body, want)
		}
	}
	ask("")
	first := start(t, "first")
	ask(`"first"`)
	if _, err := tryToStart(t, "first", `local api = rover.server {}
		function api.on_reload() error("no") end
		return api`); err == nil {
		t.Error("a config whose on_reload fails has started")
	}
	ask(`"first"`)
	second := start(t, "second")
	ask(`"second"`)
	first.end()
	ask(`"second"`)
	third := start(t, "third")
	third.end() // Caddy refused it for another app
	ask(`"second"`)
	second.end()
	ask("")
}

// startIn starts a config with one script in several VMs, and returns the script's path.
func startIn(t *testing.T, names func(path string) []string) (*scripts.Group, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.lua")
	if err := os.WriteFile(path, []byte(`return rover.server {}`), 0o600); err != nil {
		t.Fatal(err)
	}
	group := scripts.NewGroup(scripts.Options{Logger: zap.NewNop()})
	for _, name := range names(path) {
		vm, err := scripts.Acquire(name, luart.VMOptions{Logger: zap.NewNop()}, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := &running{t: t, group: group, vm: vm}
		r.Settings = luart.Script{Path: path, Timeout: 10 * time.Second, Burst: time.Second, Logger: zap.NewNop()}
		t.Cleanup(r.end)
		if err := group.Add(vm, &r.Script); err != nil {
			t.Fatal(err)
		}
	}
	if err := group.Start(); err != nil {
		t.Fatal(err)
	}
	return group, path
}

// The name of a VM counts before the path of a script. A path alone says nothing where its script runs in
// several VMs that have other names.
func TestVMByNameOrPath(t *testing.T) {
	group, path := startIn(t, func(path string) []string { return []string{"one", path, "two"} })
	for name, want := range map[string]string{"one": "one", "two": "two", path: path} {
		set, err := setOf(group, httptest.NewRequest(http.MethodGet, "/rover/kill?vm="+name, nil))
		if err != nil || set.VM().Name != want {
			t.Errorf("%s: %v, %v", name, set, err)
		}
	}
	if _, err := setOf(group, httptest.NewRequest(http.MethodGet, "/rover/kill?vm=three", nil)); err == nil {
		t.Error("a VM that is none has a set")
	}
	group, path = startIn(t, func(string) []string { return []string{"three", "four"} })
	_, err := setOf(group, httptest.NewRequest(http.MethodGet, "/rover/kill?vm="+path, nil))
	if err == nil {
		t.Fatal("a path of two VMs has a set")
	}
	for _, want := range []string{"which VM?", "three", "four"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
