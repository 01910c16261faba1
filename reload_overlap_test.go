package rover

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
	old, oldApp := handler(path, ""), newApp(t)
	if err := begin(t, oldApp, old); err != nil {
		t.Fatal(err)
	}
	h, app := handler(path, ""), newApp(t)
	if err := begin(t, app, h); err != nil {
		t.Fatal(err)
	}
	script(t, path, migrates("B"))
	for range 2 { // the watcher of the old config, and an operator
		if err := oldApp.programs[0].reload(context.Background()); !errors.Is(err, errReplaced) {
			t.Errorf("error %v, want %v", err, errReplaced)
		}
	}
	if got, want := get(t, h, "/"), "2 A 1->2A "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := h.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := oldApp.Stop(); err != nil {
		t.Fatal(err)
	}
	if got, want := get(t, h, "/"), "3 B 1->2A 2->3B "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, version := h.vm.reloads(); version != 3 || h.vm.current != app.programs[0] || !app.programs[0].status().Rollback {
		t.Errorf("version %d, %+v", version, app.programs[0].status())
	}
	if err := app.programs[0].rollback(context.Background()); err != nil {
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
	old, oldApp := handler(path, ""), newApp(t)
	if err := begin(t, oldApp, old); err != nil {
		t.Fatal(err)
	}
	h, app := handler(path, ""), newApp(t)
	t.Cleanup(func() { _ = h.Cleanup() })
	if err := h.provision(emptyContext(t), app); err != nil {
		t.Fatal(err)
	}
	script(t, path, migrates("B"))
	if err := old.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Stop() })
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	if err := oldApp.Stop(); err != nil {
		t.Fatal(err)
	}
	if got, want := get(t, h, "/"), "4 B 1->3B 3->4B "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, version := h.vm.reloads(); version != 4 {
		t.Errorf("version %d", version)
	}
	if err := app.programs[0].rollback(context.Background()); err != nil {
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
	old, oldBad, oldApp := handler(path, ""), handler(bad, ""), newApp(t)
	if err := begin(t, oldApp, old, oldBad); err != nil {
		t.Fatal(err)
	}
	script(t, bad, `local api = rover.server {} api.on_reload = function() error("no") end return api`)
	app := newApp(t)
	if err := begin(t, app, handler(path, ""), handler(bad, "")); err == nil {
		t.Fatal("the config was taken")
	}
	if old.vm.current != oldApp.programs[0] {
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
