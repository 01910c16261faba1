package scripts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReload(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), `
		local api, m = rover.server {}, require "lib.m"
		local s = rover.state("s", { n = 0 })
		function api.get() s.n = s.n + 1 return rover.version .. " " .. m .. " " .. s.n end
		return api`)
	module := script(t, filepath.Join(filepath.Dir(path), "lib/m.lua"), `return "one"`)
	h, group := newScript(path, ""), newGroup(t)
	if err := begin(t, group, h); err != nil {
		t.Fatal(err)
	}
	p := group.sets[0]
	expect := func(want string) {
		t.Helper()
		if got := get(t, h, "/"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	reload := func(f func(context.Context) error, wants string) {
		t.Helper()
		err := f(context.Background())
		if wants == "" && err != nil || wants != "" && (err == nil || !strings.Contains(err.Error(), wants)) {
			t.Errorf("error %v, want %q", err, wants)
		}
	}
	expect("1 one 1")
	reload(p.Rollback, "no previous version")

	script(t, module, `return "two"`)
	expect("1 one 2") // nothing happens by itself
	reload(h.Reload, "")
	expect("2 two 3")
	if s := p.Status(t.Context()); s.Version != 2 || !s.Rollback || s.LastError != nil || s.Reloads.Done != 1 || s.Scripts[0] != path {
		t.Errorf("%+v", s)
	}

	// Refused: all stays, and the reason is remembered.
	for range 2 {
		script(t, module, "local x\nreturn = 3")
		reload(h.Reload, "lib/m.lua:2: ")
		if s := p.Status(t.Context()); s.Version != 2 || s.LastError == nil || !strings.Contains(s.LastError.Message, "lib/m.lua:2: ") || s.LastError.At.IsZero() {
			t.Errorf("%+v", s)
		}
	}
	expect("2 two 4")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	reload(h.Reload, "reading script: ")
	expect("2 two 5")
	if s := p.Status(t.Context()); s.Reloads.Failed != 3 {
		t.Errorf("%+v", s)
	}

	// Back and forth, whatever the files hold.
	reload(p.Rollback, "")
	expect("3 one 6")
	if s := p.Status(t.Context()); s.LastError != nil || s.Reloads.Done != 2 {
		t.Errorf("%+v", s)
	}
	reload(p.Rollback, "")
	expect("4 two 7")
	reload(p.Rollback, "")
	expect("5 one 8")

	// A reload of what is live already keeps the way back.
	script(t, path, string(h.live.Load().Sources().Script))
	script(t, module, `return "one"`)
	reload(h.Reload, "")
	expect("6 one 9")
	reload(p.Rollback, "")
	expect("7 two 10")

	group.Stop()
	reload(h.Reload, ErrReplaced.Error())
	expect("7 two 11") // requests go on until Caddy ends them
}

// All scripts of a VM are reloaded, or none, and other VMs are not.
func TestReloadTogether(t *testing.T) {
	dir := t.TempDir()
	one, two := script(t, filepath.Join(dir, "one.lua"), says("a")), script(t, filepath.Join(dir, "two.lua"), says("a"))
	other := script(t, filepath.Join(dir, "other.lua"), says("a"))
	a, b, again, apart := newScript(one, "vm"), newScript(two, "vm"), newScript(one, "vm"), newScript(other, "")
	if err := begin(t, newGroup(t), a, b, again, apart); err != nil {
		t.Fatal(err)
	}
	expect := func(want ...string) {
		t.Helper()
		for i, h := range []*served{a, b, again, apart} {
			if got := get(t, h, "/"); got != want[i] {
				t.Errorf("handler %d: got %q, want %q", i, got, want[i])
			}
		}
	}
	expect("1 a", "1 a", "1 a", "1 a")
	script(t, one, says("b"))
	script(t, two, "error 'x'")
	script(t, other, says("b"))
	if err := a.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "two.lua:1: x") {
		t.Errorf("error %v", err)
	}
	expect("1 a", "1 a", "1 a", "1 a")
	script(t, two, says("c"))
	if err := again.Reload(context.Background()); err != nil {
		t.Error(err)
	}
	expect("2 b", "2 c", "2 b", "1 a")
}

// A new config takes over: its scripts' version is the next, the old config's cannot be
// reloaded any more, and the way back leads to what the old config ran.
func TestReloadAcrossConfigs(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), says("a"))
	old, oldGroup := newScript(path, ""), newGroup(t)
	if err := begin(t, oldGroup, old); err != nil {
		t.Fatal(err)
	}
	fails := func(source, want string) {
		t.Helper()
		script(t, path, source)
		if err := begin(t, newGroup(t), newScript(path, "")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	fails("error 'no'", "app.lua:1: no")
	fails("local api = rover.server {} function api.on_check() return false, 'not today' end return api", "app.lua:1: on_check: not today")
	fails("local api = rover.server {} function api.on_reload(v) error('from ' .. v) end return api", "on_reload: app.lua:1: from 1")
	if s := oldGroup.sets[0].Status(t.Context()); s.Reloads.Failed != 3 || s.LastError == nil || s.Version != 1 {
		t.Errorf("%+v", s)
	}

	script(t, path, says("b"))
	h, group := newScript(path, ""), newGroup(t)
	if err := begin(t, group, h); err != nil {
		t.Fatal(err)
	}
	oldGroup.Stop()
	if got := get(t, old, "/") + get(t, h, "/"); !strings.HasPrefix(got, "1 a") || !strings.HasSuffix(got, " b") {
		t.Errorf("got %q", got)
	}
	if s := group.sets[0].Status(t.Context()); s.Reloads.Done != 1 || s.LastError != nil || !s.Rollback {
		t.Errorf("%+v", s)
	}
	if err := old.Reload(context.Background()); !errors.Is(err, ErrReplaced) {
		t.Errorf("error %v", err)
	}
	if err := group.sets[0].Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, h, "/"); !strings.HasSuffix(got, " a") {
		t.Errorf("got %q", got)
	}
}
