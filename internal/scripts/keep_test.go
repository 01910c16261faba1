package scripts

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/eventloop"
)

// remembers is a script that counts requests in a local, and notes its hooks in rover.state.
const remembers = `
	local api = rover.server {}
	local n, s = 0, rover.state("s", { log = "" })
	local function note(name) return function() s.log = s.log .. name .. rover.version .. " " end end
	api.on_check(note "check")
	api.on_reload(note "reload")
	api.on_start(note "start")
	api.on_ready(note "ready")
	api.on_stop(note "stop")
	local ticks = 0
	rover.every(0.001, function() ticks = ticks + 1 end)
	function api.get() n = n + 1 return tostring(n) end
	function api.log.get() return s.log end
	function api.late.get(ctx) return tostring(require(ctx:query().m)) end
	function api.says.get(ctx) rover.log.info(ctx:query().text) return "said" end
	function api.tick.get()
		local was = ticks
		while ticks == was do rover.sleep(0.001) end
		return "tick"
	end
	return api`

// alike returns a script whose options are the same as those of others with the same text.
func alike(path, name, options string) *served {
	s := newScript(path, name)
	s.Options = options
	return s
}

// logging has a script log to where the returned logs are.
func logging(s *served) *observer.ObservedLogs {
	core, logs := observer.New(zap.InfoLevel)
	s.Settings.Logger = zap.New(core)
	return logs
}

// A config that begins goes on with what has not changed: locals, timers and background work.
func TestKeepWhatHasNotChanged(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), remembers)
	a := alike(path, "", "o")
	old := start(t, nil, a)
	old.group.sets[0].Ready()
	expect(t, a, "/", "1")

	b := alike(path, "", "o")
	next := start(t, nil, b)
	expect(t, b, "/", "2")
	expect(t, a, "/", "3") // a request in flight
	next.group.sets[0].Ready()
	old.end()
	expect(t, b, "/", "4")
	expect(t, b, "/log", "check1 start1 ready1 ")
	expect(t, b, "/tick", "tick") // the timer goes on
	s := next.group.sets[0].Status(t.Context())
	if !slices.Equal(s.Kept, []string{path}) || s.Version != 1 || s.Reloads.Done != 0 || s.Rollback || !s.LoadedAt.Equal(old.group.sets[0].loadedAt) {
		t.Errorf("%+v", s)
	}

	// It can be reloaded whatever the files hold, and the numbers go on.
	if err := b.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, b, "/", "1")
	expect(t, b, "/log", "check1 start1 ready1 check2 reload2 start2 ready2 stop1 ")
	if s := next.group.sets[0].Status(t.Context()); len(s.Kept) > 0 || s.Version != 2 {
		t.Errorf("%+v", s)
	}
	next.end()
}

// Changed is what has other bytes, here or in a module, whenever that was required, or other
// options; and what is asked for with force.
func TestKeepNothingThatHasChanged(t *testing.T) {
	dir := t.TempDir()
	path := script(t, filepath.Join(dir, "app.lua"), remembers)
	module := script(t, filepath.Join(dir, "m.lua"), `return "m"`)
	options := "o"
	var running *config
	var h *served
	begin := func() (kept bool) {
		t.Helper()
		h = alike(path, "", options)
		next := start(t, nil, h)
		if running != nil {
			running.end()
		}
		running = next
		return get(t, h, "/") != "1"
	}
	touch := func(path string) {
		t.Helper()
		later := time.Now().Add(time.Hour)
		if err := os.Chtimes(path, later, later); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		do   func()
		kept bool
	}{
		{"the first config", func() {}, false},
		{"nothing", func() {}, true},
		{"the time of the file", func() { touch(path) }, true},
		{"a module that nobody has required", func() { script(t, module, `return "n"`) }, true},
		{"a module that a handler has required", func() { get(t, h, "/late?m=m"); script(t, module, `return "m"`) }, false},
		{"a module of the version before", func() { script(t, module, `return "n"`) }, true},
		{"there and back", func() {
			get(t, h, "/late?m=m")
			script(t, module, `return "o"`)
			script(t, module, `return "n"`)
		}, true},
		{"a module that goes before the one that was found", func() {
			script(t, filepath.Join(dir, "deep/init.lua"), `return 1`)
			get(t, h, "/late?m=deep")
			script(t, filepath.Join(dir, "deep.lua"), `return 2`)
		}, false},
		{"the script", func() { script(t, path, remembers+" -- changed") }, false},
		{"the options", func() { options = "p" }, false},
		{"and nothing", func() {}, true},
	} {
		step.do()
		if kept := begin(); kept != step.kept {
			t.Errorf("%s: kept %v", step.name, kept)
		}
	}
	done := LoadAll()
	if begin() {
		t.Error("it was kept where all was to be loaded")
	}
	done()
	if !begin() {
		t.Error("it was not kept after that")
	}
	options = ""
	if begin(); begin() {
		t.Error("it was kept without options")
	}
}

// What is not changed of the scripts in a VM goes on, while others are replaced.
func TestKeepSomeOfAVM(t *testing.T) {
	dir := t.TempDir()
	one, two := script(t, filepath.Join(dir, "one.lua"), remembers), script(t, filepath.Join(dir, "two.lua"), remembers)
	a, b := alike(one, "vm", "o"), alike(two, "vm", "o")
	old := start(t, nil, a, b)
	expect(t, a, "/", "1")
	expect(t, b, "/", "1")
	script(t, two, remembers+" -- changed")
	c, d := alike(one, "vm", "o"), alike(two, "vm", "o")
	next := start(t, nil, d, c) // in whatever order
	old.end()
	expect(t, c, "/", "2")
	expect(t, d, "/", "1")
	expect(t, d, "/log", "check1 check1 start1 start1 check2 reload2 start2 stop1 ")
	s := next.group.sets[0].Status(t.Context())
	if !slices.Equal(s.Kept, []string{one}) || s.Version != 2 || !s.Rollback || s.Reloads.Done != 1 {
		t.Errorf("%+v", s)
	}
	if err := next.group.sets[0].Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, c, "/", "1") // a rollback is one of all
	if got := string(d.Live().Sources().Script); got != remembers {
		t.Errorf("rolled back to %q", got)
	}
}

// A config that is refused after it has taken over leaves what it had taken over to the one
// before: its work, its log, its limits, its reloads.
func TestKeepAndGiveBack(t *testing.T) {
	for _, reloaded := range []bool{false, true} {
		dir := t.TempDir()
		path, bad := script(t, filepath.Join(dir, "app.lua"), remembers), script(t, filepath.Join(dir, "bad.lua"), says("good"))
		a, other := alike(path, "", "o"), newScript(bad, "")
		a.Limits = &Limits{Limits: eventloop.Limits{Queue: 8}}
		logs := logging(a)
		old := start(t, nil, a, other)
		expect(t, a, "/", "1")

		b := alike(path, "", "o")
		b.Limits = &Limits{Limits: eventloop.Limits{Queue: 4}}
		newLogs := logging(b)
		next := prepare(t, nil, b, newScript(bad, ""))
		if err := next.provision(); err != nil {
			t.Fatal(err)
		}
		get(t, a, "/says?text=provisioned")
		if err := next.group.Start(); err != nil {
			t.Fatal(err)
		}
		get(t, a, "/says?text=taken")
		if reloaded { // a watcher is quick
			if err := b.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		next.end() // another module has refused to start
		expect(t, a, "/", "2")
		expect(t, a, "/tick", "tick")
		get(t, a, "/says?text=back")
		if got := get(t, a, "/log"); strings.Contains(got, "stop1") {
			t.Errorf("it was stopped: %s", got)
		}
		texts := func(logs *observer.ObservedLogs) (list []string) {
			for _, l := range logs.All() {
				list = append(list, l.Message)
			}
			return list
		}
		if got := texts(logs); !slices.Equal(got, []string{"provisioned", "back"}) {
			t.Errorf("the old config's log has %q", got)
		}
		if got := texts(newLogs); !slices.Equal(got, []string{"taken"}) {
			t.Errorf("the new config's log has %q", got)
		}
		if err := a.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		expect(t, a, "/", "1")
		old.end()
	}
}

// What a config has taken over runs as it was reloaded meanwhile.
func TestKeepWhatWasReloadedMeanwhile(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), remembers)
	a, b := alike(path, "", "o"), alike(path, "", "o")
	old := start(t, nil, a)
	next := prepare(t, nil, b)
	if err := next.provision(); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, a, "/", "1")
	if err := next.group.Start(); err != nil {
		t.Fatal(err)
	}
	old.end()
	expect(t, b, "/", "2")

	// Should there be nothing to take over any more, it is loaded.
	c := alike(path, "", "o")
	last := prepare(t, nil, c)
	if err := last.provision(); err != nil {
		t.Fatal(err)
	}
	next.end()
	if err := last.group.Start(); err != nil {
		t.Fatal(err)
	}
	expect(t, c, "/", "1")
}

// Of directives that are alike each goes on with what stood in its place, and none with that of
// another one.
func TestKeepByPlace(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), remembers)
	in := func(place string) *served {
		s := alike(path, "", "o")
		s.Place = place
		return s
	}
	a, b := in("a"), in("b")
	old := start(t, nil, a, b)
	expect(t, a, "/", "1")
	expect(t, a, "/", "2")
	expect(t, b, "/", "1")

	a2, b2, c2 := in("a"), in("b"), in("c")
	next := start(t, nil, c2, b2, a2)
	old.end()
	expect(t, a2, "/", "3")
	expect(t, b2, "/", "2")
	expect(t, c2, "/", "1")

	unknown, b3 := in(""), in("b")
	last := start(t, nil, unknown, b3)
	next.end()
	expect(t, unknown, "/", "1")
	expect(t, b3, "/", "3")
	last.end()
}

// After a rollback the files hold something else: that is what a config loads. Where they hold
// what runs it goes on, and status tells.
func TestKeepAfterARollback(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), remembers)
	a := alike(path, "", "o")
	old := start(t, nil, a)
	changed := remembers + " -- changed"
	script(t, path, changed)
	status := func(c *config) Status { return c.group.sets[0].Status(t.Context()) }
	if s := status(old); !slices.Equal(s.FilesDiffer, []string{path}) || s.RolledBack {
		t.Errorf("changed: %+v", s)
	}
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := status(old); len(s.FilesDiffer) > 0 || s.RolledBack {
		t.Errorf("reloaded: %+v", s)
	}
	if err := old.group.sets[0].Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := status(old); !slices.Equal(s.FilesDiffer, []string{path}) || !s.RolledBack {
		t.Errorf("rolled back: %+v", s)
	}

	script(t, path, remembers)
	expect(t, a, "/", "1")
	b := alike(path, "", "o")
	next := start(t, nil, b)
	old.end()
	expect(t, b, "/", "2")
	if s := status(next); len(s.FilesDiffer) > 0 || !s.RolledBack || !s.Rollback || len(s.Kept) != 1 {
		t.Errorf("kept: %+v", s)
	}
	if err := next.group.sets[0].Rollback(t.Context()); err != nil { // the way back is kept, too
		t.Fatal(err)
	}
	if s := status(next); !slices.Equal(s.FilesDiffer, []string{path}) || s.RolledBack {
		t.Errorf("rolled forth: %+v", s)
	}

	c := alike(path, "", "o")
	last := start(t, nil, c)
	next.end()
	expect(t, c, "/", "1")
	if s := status(last); len(s.FilesDiffer) > 0 || s.RolledBack || len(s.Kept) > 0 {
		t.Errorf("loaded: %+v", s)
	}
}

// A change is seen by the config that runs, also of a module that was required before it.
func TestKeepAndWatch(t *testing.T) {
	dir := t.TempDir()
	path := script(t, filepath.Join(dir, "app.lua"), remembers)
	module := script(t, filepath.Join(dir, "m.lua"), `return "old"`)
	watched := func() *served {
		s := alike(path, "", "o")
		s.Watch, s.WatchInterval = true, 10*time.Millisecond
		return s
	}
	a, b := watched(), watched()
	old := start(t, nil, a)
	expect(t, a, "/late?m=m", "old")
	next := start(t, nil, b)
	if files := next.group.sets[0].Files(); !slices.Contains(files, path) || !slices.Contains(files, module) {
		t.Errorf("looked at are %q", files)
	}
	old.end()
	script(t, filepath.Join(dir, "later.lua"), `return "1"`)
	expect(t, b, "/late?m=later", "1") // required since then
	expect(t, b, "/", "1")
	replace(t, module, `return "new"`)
	waitFor(t, "new", func() string { return get(t, b, "/late?m=m") })
	replace(t, filepath.Join(dir, "later.lua"), `return "2"`)
	waitFor(t, "2", func() string { return get(t, b, "/late?m=later") })
	if failed := next.group.sets[0].Status(t.Context()).LastError; failed != nil {
		t.Error(failed)
	}
}

// Nothing of a config is kept in memory by what goes on in the next ones.
func TestKeepNoOldConfig(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), remembers)
	begin := func() *config {
		c := &config{t: t, group: NewGroup(Options{Logger: zap.NewNop()}), scripts: []*served{alike(path, "", "o")}}
		logging(c.scripts[0])
		if err := c.provision(); err != nil {
			t.Fatal(err)
		}
		if err := c.group.Start(); err != nil {
			t.Fatal(err)
		}
		c.group.sets[0].Ready()
		get(t, c.scripts[0], "/says?text=x")
		return c
	}
	running := begin()
	var groups []weak.Pointer[Group]
	var scripts []weak.Pointer[served]
	for range 3 {
		groups, scripts = append(groups, weak.Make(running.group)), append(scripts, weak.Make(running.scripts[0]))
		next := begin()
		running.end()
		running = next
	}
	if got := get(t, running.scripts[0], "/"); got != "1" || running.group.sets[0].version != 1 {
		t.Errorf("%s: it was not kept", got)
	}
	for i := range groups {
		await(func() bool {
			runtime.GC()
			return groups[i].Value() == nil && scripts[i].Value() == nil
		})
	}
	running.end()
}

// on_ready runs as long as the script does, whatever becomes of the config that has begun it.
func TestKeepWhatGetsReady(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), `
		local api = rover.server {}
		local go, s = false, rover.state("s", { log = "" })
		api.on_ready(function()
			s.log = s.log .. "begins "
			while not go do rover.sleep(0.001) end
			s.log = s.log .. "ready "
		end)
		api.on_stop(function() s.log = s.log .. "stops " end)
		function api.go.get() go = true return "went" end
		function api.log.get() return s.log end
		return api`)
	a, b := alike(path, "", "o"), alike(path, "", "o")
	old := start(t, nil, a)
	old.group.Ready()
	waitFor(t, "begins ", func() string { return get(t, a, "/log") })
	next := start(t, nil, b)
	next.group.Ready()
	old.end()
	expect(t, b, "/go", "went")
	waitFor(t, "begins ready ", func() string { return get(t, b, "/log") })
}
