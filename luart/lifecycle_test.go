package luart

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/stdlib"
)

// The hooks run in this order, each once; what on_start spawns comes after it.
func TestHooksInOrder(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.every(3600, function(premature) print("timer " .. tostring(premature)) end)
		function api.on_stop() rover.sleep(0.001) print("stop") end
		api:on_shutdown(function() print("shut down") end)
		function api.on_ready() print("ready") end
		function api.on_start() rover.sleep(0.001) print("start") rover.spawn(function() print("spawned in on_start") end) end
		function api.on_reload(old, state) print("reload from " .. old .. " " .. state.kept.value) end
		function api.on_check() rover.sleep(0.001) print("check") end
		rover.state("kept", { value = 7 })
		print("version " .. rover.version)
		return api`, func(s *Script) { s.Version = 12 })
	ctx := context.Background()
	for _, want := range []string{"version 12", "check", "start", "spawned in on_start"} {
		if got := <-s.lines; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if err := s.gen.Migrate(ctx, 11); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.gen.Start(ctx)
		s.gen.Ready(ctx)
	}
	for range 2 {
		s.gen.Stop(ctx)
	}
	for _, want := range []string{"reload from 11 7", "ready", "stop", "shut down", "timer true"} {
		if got := <-s.lines; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	s.vm.Close(ctx)
	if n := len(s.lines); n != 0 {
		t.Errorf("%d more lines: %q", n, <-s.lines)
	}
}

// on_ready of a generation that is stopped is cut, and has ended before on_stop is called; one that
// was not called is not called any more.
func TestStopBeforeReady(t *testing.T) {
	const source = `
		local api = rover.server {}
		function api.on_ready()
			print("begins")
			print(tostring(pcall(rover.sleep, 3600)))
			print("ends")
		end
		function api.on_stop() print("stop") end
		return api`
	s := newServer(t, source)
	ctx := context.Background()
	s.gen.Start(ctx)
	go s.gen.Ready(ctx)
	if got := <-s.lines; got != "begins" {
		t.Fatal(got)
	}
	s.gen.Stop(ctx)
	for _, want := range []string{"false", "ends", "stop"} {
		if got := <-s.lines; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}

	if err := s.load(source); err != nil {
		t.Fatal(err)
	}
	s.gen.Start(ctx)
	s.gen.Stop(ctx)
	s.gen.Ready(ctx)
	if got := <-s.lines; got != "stop" || len(s.lines) > 0 {
		t.Errorf("got %q and %d more lines", got, len(s.lines))
	}
}

// api.on_x(f) adds a function, api.on_x = f replaces all.
func TestHookForms(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function say(text) return function() print(text) end end
		api.on_ready(say "replaced")
		api.on_ready = say "1"
		api.on_ready(say "2")
		api:on_ready(say "3")
		api.on_error(function() error "x" end)
		api.on_error(function(err) return "caught " .. err.message end)
		function api.get() error "oops" end
		function api.late.get() api.on_ready(print) end
		function api.later.get() api.on_stop = print end
		return api`)
	s.gen.Ready(context.Background())
	for _, want := range []string{"1", "2", "3"} {
		if got := <-s.lines; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	s.expect("GET /", "500 caught app.lua:10: oops")
	s.expect("GET /late", "500 caught app.lua:11: api.on_ready: the script has loaded; hooks are given at its top level")
	s.expect("GET /later", "500 caught app.lua:12: api.on_stop: the script has loaded; hooks are given at its top level")
	for source, want := range map[string]string{
		`api.on_ready()`:         "app.lua:2: bad argument #1 to api.on_ready (function expected, got nil)",
		`api:on_check(7)`:        "app.lua:2: bad argument #1 to api.on_check (function expected, got number)",
		`api.on_error("x")`:      "app.lua:2: bad argument #1 to api.on_error (function expected, got string)",
		`api.on_reload = {}`:     "app.lua:2: api.on_reload must be a function, not a table",
		`api.on_start.x = print`: `app.lua:2: api.on_start.x: api.on_start takes the function of a hook and has no fields; for the path /on_start write api:at("/on_start").x`,
	} {
		err := s.load("local api = rover.server {}\n" + source + "\nreturn api")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", source, err, want)
		}
	}
}

// on_check refuses a load, and nothing is left of it.
func TestCheckRefuses(t *testing.T) {
	s := newServer(t, `local api = rover.server {} function api.get() return "old" end return api`)
	const sleeps, spins = `rover.sleep(3600)`, `while true do end`
	for check, want := range map[string]string{
		`error("no")`: "on_check: app.lua:4: no",
		`error { status = 500, message = "odd" }`: "on_check: odd",
		`return false`:                   "app.lua:3: on_check returned false",
		`return false, "no database"`:    "app.lua:3: on_check: no database",
		`return nil, "no cache"`:         "app.lua:3: on_check: no cache",
		sleeps:                           "the request took longer than its timeout",
		spins:                            "the script ran longer than burst without waiting",
		`return api.nothing.x()`:         "app.lua:4: ",
		`return`:                         "",
		`return true, "x"`:               "",
		`return 0`:                       "",
		`rover.sleep(0.001) return true`: "",
		`rover.parallel { function() rover.sleep(0) end } return true`: "",
	} {
		source := `rover.every(3600, print)
			local api = rover.server {}
			function api.on_check()
			` + check + `
			end
			function api.get() return "new" end
			return api`
		old := s.gen
		err := s.load(source, func(s *Script) { // only what must end by one of them gets a short one
			s.Timeout, s.Burst = time.Minute, time.Minute
			switch check {
			case sleeps:
				s.Timeout = 50 * time.Millisecond
			case spins:
				s.Burst = 20 * time.Millisecond
			}
		})
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", check, err)
			} else {
				s.gen.Stop(context.Background())
				s.gen = old
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", check, err, want)
		}
	}
	s.expect("GET /", "200 old")
	s.vm.Close(context.Background())
	if s.vm.timers != 0 || len(s.vm.live) != 0 {
		t.Errorf("%d timers, %d generations are left", s.vm.timers, len(s.vm.live))
	}
}

// What goes wrong in the other hooks is logged with its place, and the next one runs.
func TestHookErrors(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		for _, name in ipairs { "on_start", "on_ready", "on_stop" } do
			api[name](function() error(name) end)
			api[name](function() print("after " .. name) end)
		end
		function api.on_reload(old)
			if old == 1 then error("cannot read version 1") end
			rover.sleep(3600)
		end
		return api`, func(s *Script) { s.Timeout = 50 * time.Millisecond })
	ctx := context.Background()
	s.gen.Ready(ctx)
	for old, want := range map[int]string{1: "on_reload: app.lua:8: cannot read version 1", 2: "longer than its timeout"} {
		if err := s.gen.Migrate(ctx, old); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	s.gen.Stop(ctx)
	var got []string
	for _, e := range s.logs.All() {
		if e.Message == "hook failed" {
			if e.Level != zap.ErrorLevel || e.ContextMap()["defined_at"] != "app.lua:4" {
				t.Errorf("%v %v", e.Level, e.ContextMap())
			}
			got = append(got, e.ContextMap()["error"].(string))
		} else {
			got = append(got, e.Message)
		}
	}
	want := []string{"app.lua:4: on_start", "after on_start", "app.lua:4: on_ready", "after on_ready", "app.lua:4: on_stop", "after on_stop"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// on_stop ends with its context; a generation that never started has none.
func TestStopIsBounded(t *testing.T) {
	const source = `local api = rover.server {}
		function api.on_stop() print("stopping") rover.sleep(3600) end
		return api`
	s := newServer(t, source)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-s.lines; cancel() }()
	s.gen.Stop(ctx)
	if s.gen.retired.Err() == nil {
		t.Error("not retired")
	}
	core, logs := observer.New(zapcore.DebugLevel)
	g, err := s.vm.Load(context.Background(), Script{Libraries: all.Libraries(), Path: "app.lua", Source: []byte(source), Logger: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	g.Stop(context.Background())
	if logs.Len() != 0 {
		t.Errorf("%v", logs.All())
	}
}

// Modules that are given are taken instead of files, and what was opened is told.
func TestSources(t *testing.T) {
	const source = `local api, a = rover.server {}, require "a"
		function api.get() return a .. " " .. require "lib.late" end
		return api`
	opened := map[string]string{}
	dir := t.TempDir()
	in := func(s *Script) {
		s.Path = dir + "/app.lua"
		s.Modules = map[string]stdlib.Module{"a": {Path: "a.lua", Source: []byte(`return "given"`)}, "lib.late": {Path: "lib/late.lua", Source: []byte(`return "late"`)}}
		s.Opened = func(path string, source []byte) { opened[strings.TrimPrefix(path, dir)] = string(source) }
	}
	s := newServer(t, source, in)
	if got := s.gen.Sources(); string(got.Script) != source || len(got.Modules) != 1 || string(got.Modules["a"].Source) != `return "given"` {
		t.Errorf("%q", got)
	}
	s.expect("GET /", "200 given late")
	if got := s.gen.Sources(); len(got.Modules) != 2 || len(opened) != 0 {
		t.Errorf("%q, opened %q", got, opened)
	}
	err := s.load(`require "b.c"`, in)
	if err == nil || len(opened) != 2 {
		t.Errorf("%v, opened %q", err, opened)
	}
	for _, path := range []string{"/b/c.lua", "/b/c/init.lua"} {
		if text, ok := opened[path]; !ok || text != "" {
			t.Errorf("%s: %q, %v", path, text, ok)
		}
	}
	var serr *ScriptError
	if !errors.As(err, &serr) {
		t.Errorf("%T", err)
	}
}
