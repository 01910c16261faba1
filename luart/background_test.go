package luart

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/budget"
	"github.com/caddy-rover/rover/luart/lib/all"
)

func TestSpawnStartsWithTheGeneration(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local n = 0
		rover.spawn(function(premature)
			rover.sleep(0.001)
			n = n + 1
			rover.log.info("spawned " .. tostring(premature))
		end)
		rover.after(0, function(premature) rover.log.info("after " .. tostring(premature)) end)
		if n > 0 then error("it ran while the script loaded") end
		function api.get(ctx)
			local path = ctx.path
			rover.spawn(function()
				rover.sleep(0)
				rover.log.info("from a request: " .. path .. " " .. tostring(pcall(function() return ctx.path end)))
			end)
			return n
		end
		return api`)
	s.awaitLine("spawned false")
	if got := answer(s.do("GET /", "")); got != "200 1" {
		t.Errorf("got %q", got)
	}
	s.awaitLine("from a request: / false")
}

func TestAGenerationNotStartedDoesNothing(t *testing.T) {
	vm := newVM(t, VMOptions{})
	s := &server{t: t, vm: vm}
	source := `
		local api = rover.server {}
		local function no() error("it ran") end
		rover.spawn(no) rover.after(0, no) rover.every(0.001, no) rover.cron("* * * * *", no)
		return api`
	if err := s.load(source); err != nil { // it starts this one
		t.Fatal(err)
	}
	g, err := vm.Load(context.Background(), Script{Libraries: all.Libraries(), Path: "/x/app.lua", Source: []byte(source), Burst: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	g.Retire()
	g.Start(context.Background())
	vm.Close(context.Background())
	for _, e := range s.logged("background task failed") {
		if p := e.ContextMap()["defined_at"]; p == "app.lua:1" {
			t.Errorf("logged %v", e.ContextMap())
		}
	}
	if vm.timers != 0 || vm.tasks != 0 {
		t.Errorf("%d timers and %d tasks are left", vm.timers, vm.tasks)
	}
}

func TestTimersGoOnUntilRetired(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local runs, overlap, inside = 0, false, false
		rover.every(0.002, function(premature)
			if premature then rover.log.info("last " .. tostring(overlap)) return end
			if inside then overlap = true end
			inside = true
			rover.sleep(0.005)
			inside = false
			runs = runs + 1
			if runs == 3 then rover.log.info("three runs") end
			if runs == 2 then error("a failure does not end it") end
		end)
		rover.after(3600, function(premature) rover.log.info("after " .. tostring(premature)) end)
		rover.cron("0 0 1 1 *", function(premature) rover.log.info("cron " .. tostring(premature)) end)
		local stopped = rover.after(3600, function() rover.log.info("stopped timer ran") end)
		stopped:stop()
		stopped:stop()
		return api`)
	s.awaitLine("background task failed")
	s.awaitLine("three runs")
	s.gen.Retire()
	s.gen.Retire()
	s.vm.Close(context.Background())
	for _, line := range []string{"last false", "after true", "cron true"} {
		if n := len(s.logged(line)); n != 1 {
			t.Errorf("%q logged %d times", line, n)
		}
	}
	if n := len(s.logged("stopped timer ran")); n != 0 {
		t.Error("a stopped timer ran")
	}
	failures := 0
	for _, e := range s.logged("background task failed") {
		if e.Level == zap.ErrorLevel { // else it was told to end
			failures++
		}
	}
	if failures != 1 {
		t.Errorf("%d failures logged: %v", failures, s.logged("background task failed"))
	}
	if s.vm.timers != 0 || s.vm.tasks != 0 {
		t.Errorf("%d timers and %d tasks are left", s.vm.timers, s.vm.tasks)
	}
}

// A cron timer calls its function when its time has come, again and again.
// A replaced script comes to its end: its background work begins no more of it, whatever by. A
// request that is in flight still may.
func TestAReplacedScriptBeginsNoBackgroundWork(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local go = rover.channel("go")
		local kinds = {
			spawn = function(f) rover.spawn(f) end,
			after = function(f) rover.after(0.001, f) end,
			every = function(f) rover.every(0.001, f) end,
			cron = function(f) rover.cron("* * * * *", f) end,
		}
		local function again(name, times)
			return function()
				local ok, err = pcall(kinds[name], again(name, times + 1))
				rover.log.info(name .. " " .. times .. " " .. tostring(ok) .. " " .. tostring(err):gsub("^.-: ", ""))
			end
		end
		for name in pairs(kinds) do rover.after(3600, again(name, 1)) end
		function api.slow.get()
			go:recv()
			for name in pairs(kinds) do kinds[name](again(name, 100)) end
			return "done"
		end
		function api.nested.get()
			go:recv()
			rover.parallel { function() kinds.spawn(again("spawn", 200)) end }
			return "done"
		end
		return api`)
	slow := s.beginWaiting("GET /slow")
	nested := s.beginWaiting("GET /nested")
	s.gen.Retire()
	s.closeChannel("go")
	slow.expect("200 done")
	nested.expect("200 done")
	s.untilNoTasks()
	for _, name := range []string{"spawn", "after", "every", "cron"} {
		for _, times := range []string{" 1", " 100"} {
			line := name + times + " false rover." + name + ": the script has been replaced"
			if n := len(s.logged(line)); n != 1 {
				t.Errorf("%q logged %d times", line, n)
			}
		}
	}
	if n := len(s.logged("spawn 200 false rover.spawn: the script has been replaced")); n != 1 {
		t.Errorf("a function of rover.parallel has spawned %d times", n)
	}
}

func TestCronFires(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local n = 0
		rover.cron("@every 1s", function(premature)
			if premature then return end
			n = n + 1
			rover.log.info("run " .. n)
		end)
		return api`)
	s.awaitLines("run 1", "run 2")
}

// A task that sleeps when its script is replaced gets an error at once and may clean up.
func TestRetireEndsIdleWaits(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.spawn(function()
			rover.log.info("sleeping")
			local ok, err = pcall(rover.sleep, 3600)
			rover.log.info(err)
			local again, err = pcall(rover.sleep, 3600)
			rover.log.info("again: " .. tostring(again))
		end)
		rover.spawn(function()
			local ok, err = pcall(function()
				rover.parallel { function() rover.sleep(3600) end }
			end)
			rover.log.info("parallel: " .. err)
		end)
		return api`)
	s.awaitLine("sleeping")
	s.gen.Retire()
	s.awaitLine("again: false")
	s.vm.Close(context.Background())
	const why = ": the script was replaced or has stopped"
	for _, line := range []string{"app.lua:5" + why, "parallel: app.lua:12" + why} {
		if n := len(s.logged(line)); n != 1 {
			t.Errorf("%q logged %d times in %v", line, n, s.logs.All())
		}
	}
}

// Requests in flight on a replaced script go on, and their background work still runs.
func TestRetireLeavesRequests(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get()
			rover.log.info("in flight")
			rover.channel("retired"):recv()
			rover.spawn(function(premature) rover.log.info("spawned " .. tostring(premature)) end)
			rover.after(3600, function(premature) rover.log.info("after " .. tostring(premature)) end)
			return "done"
		end
		function api.retired.get() rover.channel("retired"):send(true) end
		return api`)
	got := make(chan string)
	go func() { got <- answer(s.do("GET /", "")) }()
	s.awaitLine("in flight")
	s.gen.Retire()
	s.do("GET /retired", "")
	if a := <-got; a != "200 done" {
		t.Errorf("got %q", a)
	}
	s.vm.Close(context.Background())
	for _, line := range []string{"spawned true", "after true"} {
		if n := len(s.logged(line)); n != 1 {
			t.Errorf("%q logged %d times", line, n)
		}
	}
}

// The end of the VM cuts what does not end by itself.
func TestCloseEndsBackgroundTasks(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.spawn(function()
			rover.log.info("begun")
			while true do
				if not pcall(rover.sleep, 1) then rover.vm.spend() end
			end
		end)
		rover.every(0.001, function() local t = {} for i = 1, 100 do t[i] = i end end)
		return api`, withSpend)
	s.awaitLine("begun")
	s.vm.Close(context.Background())
	failed := s.logged("background task failed")
	if len(failed) != 1 || !strings.Contains(failed[0].ContextMap()["error"].(string), budget.ErrBurst.Error()) {
		t.Errorf("logged %v", failed)
	}
}

func TestBackgroundLimits(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.spawn.get()
			for i = 1, 2000 do rover.spawn(function() rover.sleep(3600) end) end
		end
		function api.later.get()
			for i = 1, 20000 do rover.after(3600, function() end) end
		end
		function api.bad.get(ctx)
			local what = ctx:query().what
			local calls = {
				zero = function() rover.every(0, print) end,
				negative = function() rover.after(-1, print) end,
				nan = function() rover.after(0/0, print) end,
				late = function() rover.after(1e9, print) end,
				nofn = function() rover.after(1) end,
				spec = function() rover.cron("61 * * * *", print) end,
				never = function() rover.cron("0 0 30 2 *", print) end,
				zone = function() rover.cron("TZ=", print) end,
			}
			local ok, err = pcall(calls[what])
			return err
		end
		return api`, withBurst(time.Minute))
	for path, want := range map[string]string{
		"/spawn": "rover.spawn: 1024 background tasks are running, the limit",
		"/later": "rover.after: 10000 timers are armed, the limit",
	} {
		s.do("GET "+path, "")
		errs := s.logged("script error")
		if got := errs[len(errs)-1].ContextMap()["error"].(string); !strings.Contains(got, want) {
			t.Errorf("%s: %q does not contain %q", path, got, want)
		}
	}
	for what, want := range map[string]string{
		"zero":     "bad argument #1 to every (seconds between 0.001 and 31536000 expected)",
		"negative": "bad argument #1 to after (seconds between 0 and 31536000 expected)",
		"nan":      "bad argument #1 to after (seconds between 0 and 31536000 expected)",
		"late":     "bad argument #1 to after (seconds between 0 and 31536000 expected)",
		"nofn":     "bad argument #2 to after (function expected, got no value)",
		"spec":     `bad argument #1 to cron (cron specification "61 * * * *": end of range (61) above maximum (59): 61)`,
		"never":    `bad argument #1 to cron (cron specification "0 0 30 2 *" never comes true)`,
		"zone":     `bad argument #1 to cron (cron specification "TZ=" cannot be read)`,
	} {
		if got := answer(s.do("GET /bad?what="+what, "")); !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	s.vm.Close(context.Background())
	if s.vm.timers != 0 || s.vm.tasks != 0 {
		t.Errorf("%d timers and %d tasks are left", s.vm.timers, s.vm.tasks)
	}
}

// The client of a request that runs functions beside each other leaves.
func TestParallelClientGone(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get()
			rover.parallel {
				function() rover.log.info("waiting") rover.sleep(3600) end,
				function()
					rover.log.info("waiting too")
					local _, err = pcall(rover.sleep, 3600)
					rover.log.info(err)
				end,
			}
		end
		function api.slow.get() rover.parallel { function() rover.sleep(3600) end } end
		return api`, func(s *Script) { s.Timeout = time.Minute })
	ctx, cancel := context.WithCancel(context.Background())
	w := httptest.NewRecorder()
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	}()
	s.awaitLines("waiting", "waiting too")
	cancel()
	<-served
	if n := len(s.logged("app.lua:8: " + errClientGone.Error())); n != 1 {
		t.Errorf("the functions were told %d times", n)
	}
	if w.Code != StatusClientClosed {
		t.Errorf("got %d", w.Code)
	}
	if err := s.load(string("local api = rover.server {}\nfunction api.slow.get() rover.parallel { function() rover.sleep(3600) end } end\nreturn api"),
		func(s *Script) { s.Timeout = 30 * time.Millisecond; s.Burst = 30 * time.Millisecond }); err != nil {
		t.Fatal(err)
	}
	if got := answer(s.do("GET /slow", "")); got != `504 {"error":"timeout"}` {
		t.Errorf("got %q", got)
	}
}
