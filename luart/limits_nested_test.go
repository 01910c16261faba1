package luart

import (
	"strings"
	"testing"
)

// A request that runs already starts nothing more while the scripts keep more than they may.
func TestParallelLooksAtTheMemory(t *testing.T) {
	for _, over := range []bool{true, false} {
		s := newServer(t, `
			local api = rover.server {}
			function api.get()
				rover.channel("go"):recv()
				local ok, err = pcall(rover.parallel, { function() return 1 end })
				return ok and "ran" or err
			end
			return api`)
		p := s.beginWaiting("GET /")
		if over {
			s.beyondMemory()
		}
		s.closeChannel("go")
		want := "ran"
		if over {
			want = ErrMemory.Error()
		}
		if got := <-p.result; !strings.HasPrefix(got, "200 ") || !strings.HasSuffix(got, want) {
			t.Errorf("over %t: %s", over, got)
		}
	}
}

// Whatever calls itself without end reaches a limit, and says which.
func TestRecursionIsBounded(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function raised(f, ...) return select(2, pcall(f, ...)) end
		function api.fetch.get()
			local c = rover.cache("c")
			local function fetch(n) return c:fetch(n, function() return fetch(n + 1) end) end
			return raised(fetch, 1)
		end
		function api.spawn.get()
			local function spawn(n) for _ = 1, n do rover.spawn(function() rover.sleep(3600) end) end end
			local done = rover.channel("done")
			rover.spawn(function() rover.spawn(function() done:send(raised(spawn, 2000)) end) end)
			return done:recv()
		end
		return api`)
	for path, want := range map[string]string{
		"fetch": "stack overflow", "spawn": "rover.spawn: 1024 background tasks are running, the limit",
	} {
		if got := answer(s.do("GET /"+path, "")); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, want) {
			t.Errorf("%s: %.300s", path, got)
		}
	}
}
