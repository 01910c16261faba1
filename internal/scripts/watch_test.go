package scripts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// watching is a script whose script and module are watched, and serves what they say.
func watching(t *testing.T, group *Group, path string, interval time.Duration) *served {
	t.Helper()
	h := newScript(path, "")
	h.Watch, h.WatchInterval = true, interval
	if err := begin(t, group, h); err != nil {
		t.Fatal(err)
	}
	return h
}

// becomes waits until a handler answers something.
func becomes(t *testing.T, h *served, want string) {
	t.Helper()
	waitFor(t, want, func() string { return get(t, h, "/") })
}

func waitFor(t *testing.T, want string, got func() string) {
	t.Helper()
	var last string
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		if last = got(); last == want {
			return
		}
	}
	t.Fatalf("never was %q; last %q", want, last)
}

// replace does what many editors do: it writes another file and renames it.
func replace(t *testing.T, path, source string) {
	t.Helper()
	if err := os.Rename(script(t, path+"~", source), path); err != nil {
		t.Fatal(err)
	}
}

const (
	withModule = `local api, m = rover.server {}, require "lib.m"
		function api.get() return "a " .. m end
		function api.late.get() return require "late" end
		return api`
	withModuleB = `local api, m = rover.server {}, require "lib.m"
		function api.get() return "b " .. m end
		return api`
)

func TestWatch(t *testing.T) {
	for name, interval := range map[string]time.Duration{"told": 0, "looking": 10 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, module := script(t, filepath.Join(dir, "app.lua"), withModule), script(t, filepath.Join(dir, "lib/m.lua"), `return 1`)
			group := newGroup(t)
			h := watching(t, group, path, interval)
			failure := func() string {
				if e := group.sets[0].Status(t.Context()).LastError; e != nil {
					return e.Message
				}
				return ""
			}
			becomes(t, h, "a 1")
			replace(t, module, "return 2") // a module
			becomes(t, h, "a 2")
			replace(t, path, withModuleB) // the script
			becomes(t, h, "b 2")
			script(t, module, "return 3") // in place
			becomes(t, h, "b 3")

			// Broken: what serves goes on, and what mends it is seen, also in a module that the
			// load did not come to, and one that is new.
			replace(t, module, "return = 4")
			waitFor(t, "yes", func() string { return map[bool]string{true: "yes"}[strings.Contains(failure(), "lib/m.lua:1:")] })
			becomes(t, h, "b 3")
			replace(t, module, `return require "new.one"`)
			waitFor(t, "yes", func() string { return map[bool]string{true: "yes"}[strings.Contains(failure(), `"new.one" not found`)] })
			script(t, filepath.Join(dir, "new/one.lua"), "return 5")
			becomes(t, h, "b 5")
			if got := failure(); got != "" {
				t.Error(got)
			}

			// Files that are gone for a moment.
			was, _ := group.sets[0].vm.Reloads()
			if err := errors.Join(os.Rename(path, path+".bak"), os.Rename(path+".bak", path)); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(module); err != nil {
				t.Fatal(err)
			}
			replace(t, module, "return 6")
			becomes(t, h, "b 6")
			if now, _ := group.sets[0].vm.Reloads(); now.Failed != was.Failed {
				t.Errorf("%d reloads failed: %s", now.Failed-was.Failed, failure())
			}

			// The folder is replaced, and missing meanwhile.
			if err := os.Rename(filepath.Join(dir, "lib"), filepath.Join(dir, "old")); err != nil {
				t.Fatal(err)
			}
			script(t, module, "return 7")
			becomes(t, h, "b 7")
			replace(t, module, "return 8")
			becomes(t, h, "b 8")

			// A script that stays away is reported.
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "yes", func() string { return map[bool]string{true: "yes"}[strings.Contains(failure(), "reading script")] })
			script(t, path, withModule)
			becomes(t, h, "a 8")

			// A module that a handler required.
			script(t, filepath.Join(dir, "late.lua"), "return 'late 1'")
			if got := get(t, h, "/late"); got != "late 1" {
				t.Errorf("got %q", got)
			}
			replace(t, filepath.Join(dir, "late.lua"), "return 'late 2'")
			waitFor(t, "late 2", func() string { return get(t, h, "/late") })

			// A rollback stays until the next change.
			if err := group.sets[0].Rollback(context.Background()); err != nil {
				t.Error(err)
			}
			if got := get(t, h, "/late"); got != "late 1" {
				t.Errorf("got %q", got)
			}
			replace(t, module, "return 9")
			becomes(t, h, "a 9")
		})
	}
}

// Looked at are the files of what is live, and of a load that was refused, and no others.
func TestWatchFiles(t *testing.T) {
	dir := t.TempDir()
	path, m, n := filepath.Join(dir, "app.lua"), filepath.Join(dir, "m.lua"), filepath.Join(dir, "n.lua")
	write := func(file, source string) { script(t, file, source) }
	app := func(top string) {
		write(path, top+"\nlocal api = rover.server {} function api.get(ctx) return tostring(ctx:query().r and require(ctx:query().r)) end return api")
	}
	app(`require "m"`)
	write(m, "return 'm1'")
	write(n, "return 'n1'")
	h, a := newScript(path, ""), newGroup(t)
	if err := begin(t, a, h); err != nil {
		t.Fatal(err)
	}
	p := a.sets[0]
	expect := func(when string, reloads bool, files ...string) {
		t.Helper()
		if got := slices.Sorted(slices.Values(p.files.list())); !slices.Equal(got, files) {
			t.Errorf("%s: %q are looked at, want %q", when, got, files)
		}
		if gone, changed := p.files.changed(t.Context(), p.look, true); gone || changed != reloads {
			t.Errorf("%s: gone %v, changed %v, want %v", when, gone, changed, reloads)
		}
	}
	reload := func(works bool) {
		t.Helper()
		if err := h.Reload(context.Background()); (err == nil) != works {
			t.Fatal(err)
		}
	}
	expect("at the start", false, path, m)
	old := h.live.Load()
	app("")
	reload(true)
	expect("the module is not required any more", false, path)
	write(m, "return 'm2'")
	expect("and it is changed", false, path)
	old.Stop(context.Background())

	if got := get(t, h, "/?r=m"); got != "m2" {
		t.Errorf("got %q", got)
	}
	expect("a handler has required it", false, path, m)
	write(m, "return 'm1'") // as it was when it was looked at first
	expect("and it is changed", true, path, m)

	app(`require "n" error "refused"`)
	reload(false)
	expect("a load is refused", false, path, m, n) // that of m was reported
	write(n, "return 'n2'")
	expect("what it has required is changed", true, path, m, n)
	expect("and that is reported once", false, path, m, n)
	app(`require "n"`)
	reload(true)
	expect("it is mended", false, path, n)

	if err := p.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	expect("rollback", false, path, n)
	write(n, "return 'n3'")
	expect("what the newer version has required is changed", true, path, n)
	reload(true)
	expect("reloaded", false, path, n)
}

// Deployments switch a symbolic link: that of the folder, or as Kubernetes does, one that
// the files lead through.
func TestWatchSwitchedLink(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range []string{"one", "two", "three"} {
		script(t, filepath.Join(dir, "releases", string(rune('1'+i)), "app.lua"), says(text))
	}
	point := func(link, target string) {
		t.Helper()
		must(os.Symlink(target, link+"~"))
		must(os.Rename(link+"~", link))
	}
	current, mount := filepath.Join(dir, "current"), filepath.Join(dir, "mount")
	must(os.Mkdir(mount, 0o755))
	point(current, "releases/1")
	point(filepath.Join(mount, "..data"), filepath.Join(dir, "releases/1"))
	point(filepath.Join(mount, "app.lua"), "..data/app.lua")

	a, b := newScript(filepath.Join(current, "app.lua"), ""), newScript(filepath.Join(mount, "app.lua"), "")
	a.Watch, b.Watch = true, true
	if err := begin(t, newGroup(t), a, b); err != nil {
		t.Fatal(err)
	}
	for version, release := range []string{"1 one", "2 two", "3 three"} {
		if version > 0 {
			point(current, filepath.Join("releases", release[:1]))
			point(filepath.Join(mount, "..data"), filepath.Join(dir, "releases", release[:1]))
		}
		becomes(t, a, release)
		becomes(t, b, release)
	}
}
