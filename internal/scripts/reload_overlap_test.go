package scripts

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// migrates is a script that remembers in rover.state each on_reload that ran, and answers with
// them.
func migrates(text string) string {
	return `local api = rover.server {}
		local s = rover.state("s", { log = "" })
		api.on_reload = function(old) s.log = s.log .. old .. "->" .. rover.version .. "` + text + ` " end
		function api.get() return rover.version .. " ` + text + ` " .. s.log end
		return api`
}

// A config that has taken over cannot be replaced by a reload of the one before it, which has
// not ended yet.
func TestReloadOfAReplacedConfig(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), migrates("A"))
	old, oldGroup := newScript(path, ""), newGroup(t)
	if err := begin(t, oldGroup, old); err != nil {
		t.Fatal(err)
	}
	h, group := newScript(path, ""), newGroup(t)
	if err := begin(t, group, h); err != nil {
		t.Fatal(err)
	}
	script(t, path, migrates("B"))
	for range 2 { // the watcher of the old config, and an operator
		if err := oldGroup.sets[0].Reload(context.Background()); !errors.Is(err, ErrReplaced) {
			t.Errorf("error %v, want %v", err, ErrReplaced)
		}
	}
	if got, want := get(t, h, "/"), "2 A 1->2A "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := h.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	oldGroup.Stop()
	if got, want := get(t, h, "/"), "3 B 1->2A 2->3B "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, version := h.vm.Reloads(); version != 3 || h.vm.current != group.sets[0] || !group.sets[0].Status(t.Context()).Rollback {
		t.Errorf("version %d, %+v", version, group.sets[0].Status(t.Context()))
	}
	if err := group.sets[0].Rollback(context.Background()); err != nil {
		t.Error(err)
	}
	if got, want := get(t, h, "/"), "4 A 1->2A 2->3B 3->4A "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A script that is reloaded between the loading and the beginning of a config is not replaced by
// what that has loaded, which is older: it is loaded again.
func TestReloadWhileAConfigIsLoaded(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), migrates("A"))
	old, oldGroup := newScript(path, ""), newGroup(t)
	if err := begin(t, oldGroup, old); err != nil {
		t.Fatal(err)
	}
	h, group := newScript(path, ""), newGroup(t)
	t.Cleanup(func() { h.cleanup(t) })
	if err := h.provision(group); err != nil {
		t.Fatal(err)
	}
	script(t, path, migrates("B"))
	if err := old.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(group.Stop)
	if err := group.Start(); err != nil {
		t.Fatal(err)
	}
	oldGroup.Stop()
	if got, want := get(t, h, "/"), "4 B 1->3B 3->4B "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, version := h.vm.Reloads(); version != 4 {
		t.Errorf("version %d", version)
	}
	if err := group.sets[0].Rollback(context.Background()); err != nil {
		t.Error(err)
	}
	if got, want := get(t, h, "/"), "5 A 1->3B 3->4B 4->5A "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// When a config is refused after it has taken over in one VM, the one before it can be reloaded
// again, and it is not brought back when it has ended itself.
func TestReloadAfterARefusedConfig(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), migrates("A"))
	bad := script(t, filepath.Join(filepath.Dir(path), "bad.lua"), `local api = rover.server {} return api`)
	old, oldBad, oldGroup := newScript(path, ""), newScript(bad, ""), newGroup(t)
	if err := begin(t, oldGroup, old, oldBad); err != nil {
		t.Fatal(err)
	}
	script(t, bad, `local api = rover.server {} api.on_reload = function() error("no") end return api`)
	group := newGroup(t)
	if err := begin(t, group, newScript(path, ""), newScript(bad, "")); err == nil {
		t.Fatal("the config was taken")
	}
	if old.vm.current != oldGroup.sets[0] {
		t.Error("the config before is not current again")
	}
	script(t, path, migrates("B"))
	if err := old.Reload(context.Background()); err != nil {
		t.Error(err)
	}
	if got, want := get(t, old, "/"), "3 B 1->2A 1->3B "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
