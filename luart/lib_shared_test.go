package luart

import (
	"slices"
	"testing"
)

// Operators see who waits for what all machines share, and what the wait is for.
func TestSharedIsShown(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.lock.get() rover.lock("x", { shared = true }):acquire() rover.channel("go"):recv() return "ok" end
		function api.places.get() rover.semaphore("y", 1, { shared = true }):acquire() rover.channel("go"):recv() return "ok" end
		function api.fetch.get() rover.cache("z", { shared = true }):fetch("k", function() rover.channel("go"):recv() return 1 end) return "ok" end
		function api.go.get() rover.channel("go"):send(true) return "ok" end
		return api`)
	var all []*pending
	for _, path := range []string{"lock", "places", "fetch"} {
		all = append(all, s.beginWaiting("GET /"+path), s.beginWaiting("GET /"+path))
	}
	want := []string{`receive from channel "go"`, `rover.cache fetch "z"`, `shared lock "x"`, `shared semaphore "y"`}
	s.inFlight(func(calls []Call) bool {
		var waits []string
		for _, c := range calls {
			waits = append(waits, c.WaitsOn)
		}
		slices.Sort(waits)
		return slices.Equal(slices.Compact(waits), want)
	})
	for range 5 { // of fetch one call
		s.once("GET /go", "200 ok")
	}
	for _, p := range all {
		p.expect("200 ok")
	}
	s.expectNoneInUse()
}
