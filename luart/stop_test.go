package luart

import (
	"context"
	"testing"
	"time"
)

const stopScript = `
	local api = rover.server {}
	local function stubborn() while true do pcall(rover.sleep, 3600) end end
	function api.polite.any() pcall(rover.sleep, 3600) return "cleaned up" end
	function api.stubborn.any() stubborn() end
	function api.hooked.before.x() stubborn() end
	function api.fails.any() rover.sleep(3600) end
	function api.parallel.any() rover.parallel { stubborn, stubborn } end
	api.on_error = function(err) if err.message ~= "?" then stubborn() end end
	return api`

// What is cut when the VM ends may clean up.
func TestStopLetsCleanUp(t *testing.T) {
	s := newServer(t, stopScript)
	s.vm.cleanupGrace = time.Hour
	got := s.start("GET /polite")
	s.inFlight(named("ANY /polite"))
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s.vm.Close(ended)
	if got := <-got; got != "200 cleaned up" {
		t.Error(got)
	}
}

// What goes on instead is ended, and not each of it after a burst of its own: there may be
// thousands, of an hour each.
func TestStopEndsWhatGoesOn(t *testing.T) {
	s := newServer(t, stopScript+`
		, rover.spawn(function() while true do pcall(rover.sleep, 3600) end end)`, func(script *Script) { script.Burst = time.Hour })
	s.vm.cleanupGrace = time.Millisecond
	var all []<-chan string
	for _, name := range []string{"stubborn", "hooked", "fails", "parallel", "stubborn"} {
		all = append(all, s.start("GET /"+name))
	}
	s.inFlight(func(calls []Call) bool { return len(calls) == 8 })
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s.vm.Close(ended)
	for i, got := range all {
		if got := <-got; got != unavailable {
			t.Errorf("%d: %s", i, got)
		}
	}
	if n := s.vm.Counters().Kills; n != 0 {
		t.Errorf("%d kills for their burst", n)
	}
}

// Timers end with their last call, also where the grace is over before Close has looked at them.
func TestStopEndsTimersAfterTheGrace(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function last(name) return function(premature) rover.log.info(name .. " " .. tostring(premature)) end end
		rover.after(3600, last "after")
		rover.every(3600, last "every")
		rover.cron("@yearly", last "cron")
		return api`)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s.vm.stop() // what Close does beside its own work
	s.vm.Close(ended)
	for _, line := range []string{"after true", "every true", "cron true"} {
		if n := len(s.logged(line)); n != 1 {
			t.Errorf("%q: %d times", line, n)
		}
	}
	if s.vm.timers != 0 || s.vm.tasks != 0 {
		t.Errorf("%d timers and %d tasks are left", s.vm.timers, s.vm.tasks)
	}
}
