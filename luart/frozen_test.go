package luart

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// frozen is a server whose VM goes by a clock that stands still; the caller is at work.
func frozen(t *testing.T, source string) (*server, *clock.Clock) {
	t.Helper()
	c := clock.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), nil)
	c.Begin(1)
	s := &server{t: t, vm: newVM(t, VMOptions{Clock: c}), vars: map[string]any{}, fields: map[string]any{}}
	t.Cleanup(func() { s.vm.Close(context.Background()) })
	core, logs := observer.New(zap.DebugLevel)
	g, err := s.vm.Load(context.Background(), Script{
		Libraries: all.Libraries(),
		Path:      filepath.Join(t.TempDir(), "app.lua"), Source: []byte(source),
		Timeout: 30 * time.Second, Burst: time.Minute, MaxBody: 1 << 20, Logger: zap.New(core),
	})
	if err != nil {
		t.Fatal(err, scripterror.Details(err))
	}
	s.gen, s.logs = g, logs
	g.Start(context.Background())
	return s, c
}

// Everything in Lua goes by the clock, in the order of time, and an hour takes no time.
func TestFrozenClock(t *testing.T) {
	s, c := frozen(t, `
		local api = rover.server {}
		local seen = rover.state("seen", {})
		local began = rover.time.now()
		local function note(what) table.insert(seen, what .. "@" .. (rover.time.now() - began)) end
		local cache = rover.cache("c", { max_items = 10, max_bytes = "1MiB", ttl = 60 })

		rover.every(10, function() note "every" rover.sleep(1) note "slept" end)
		rover.after(25, function() note "after" end)
		rover.cron("* * * * *", function() note "cron" end)

		function api.seen.get() local t = table.concat(seen, " ") for i = #seen, 1, -1 do seen[i] = nil end return t end
		function api.time.get()
			return table.concat({ os.time(), os.date("!%H:%M:%S"), os.clock(), rover.time.monotonic() }, " ")
		end
		function api.sleep.p_n.get(ctx)
			local start = rover.time.now()
			rover.sleep(tonumber(ctx:param("n")))
			return rover.time.now() - start
		end
		function api.set.get() cache:set("k", 1) return "" end
		function api.has.get() return tostring(cache:get("k")) end
		function api.lock.get()
			local start = rover.time.now()
			rover.parallel {
				function() rover.lock("l"):with(function() rover.sleep(5) end) end,
				function() rover.sleep(1) note("got " .. tostring(rover.lock("l"):acquire(2))) end,
				function() rover.sleep(1) note("got " .. tostring(rover.lock("l"):acquire(20))) rover.sleep(0.5) end,
			}
			return rover.time.now() - start
		end
		function api.channel.get()
			local start, ch = rover.time.now(), rover.channel "ch"
			rover.spawn(function() rover.sleep(2) ch:send "x" end)
			return ch:recv(9) .. " " .. rover.time.now() - start .. " " .. tostring(ch:recv(3)) .. " " .. rover.time.now() - start
		end
		local calls = 0
		function api.fetch.get()
			local function ask() return cache:fetch("f", function() calls = calls + 1 rover.sleep(3) return calls, 5 end) end
			local start = rover.time.now()
			local a, b = rover.parallel { ask, ask }
			return a .. b .. " " .. rover.time.now() - start
		end
		return api`)
	began := time.Now()
	s.expect("GET /time", "200 1767323045 03:04:05 0 0")
	c.Advance(30*time.Second, nil)
	s.expectOnce("GET /seen", "200 every@10 slept@11 every@20 slept@21 after@25 every@30")
	c.Advance(30*time.Second, nil)
	s.expectOnce("GET /seen", "200 slept@31 every@40 slept@41 every@50 slept@51 cron@55 every@60")
	s.expectOnce("GET /sleep/2.5", "200 2.5")
	s.expectOnce("GET /sleep/29.5", "200 29.5")
	s.expectOnce("GET /sleep/31", `504 {"error":"timeout"}`)
	s.do("GET /set", "")
	c.Advance(59*time.Second, nil)
	s.expectOnce("GET /has", "200 1")
	c.Advance(time.Second, nil)
	s.expectOnce("GET /has", "200 nil")
	s.do("GET /seen", "")
	s.expectOnce("GET /lock", "200 5.5")
	s.expectOnce("GET /channel", "200 x 2 nil 5")
	s.expectOnce("GET /fetch", "200 11 3")
	c.Advance(6*time.Second, nil)
	s.expectOnce("GET /fetch", "200 22 3")
	s.expectOnce("GET /time", fmt.Sprintf("200 %d %[2]s %[3]g %[3]g", c.Now().Unix(), c.Now().Format(time.TimeOnly), c.Since(c.Start()).Seconds()))
	c.Advance(time.Hour, nil)
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
}

// Who waits for the first request with its key, or for a place, does so by the clock.
func TestFrozenWaits(t *testing.T) {
	s, c := frozen(t, `
		local api = rover.server {}
		api.x.p_n.post = api.idempotent(function(ctx) rover.sleep(tonumber(ctx:param("n"))) return "done" end)
		return api`)
	for _, tt := range []struct{ path, want string }{
		{"/x/5", "[200 done  200 done true]"},
		{"/x/20", `[200 done  409 {"error":"A request with this key is in progress"} ]`},
	} {
		var got []string
		began := c.Now()
		both := make(chan string, 2)
		c.Begin(2)
		for range 2 {
			go func() {
				defer c.End()
				w := httptest.NewRecorder()
				s.ServeHTTP(w, keyed(tt.path, "k"+tt.path))
				both <- answer(w) + " " + w.Header().Get("Idempotency-Replayed")
			}()
		}
		c.Advance(time.Minute, nil)
		got = append(got, <-both, <-both)
		slices.Sort(got)
		if fmt.Sprint(got) != tt.want || c.Since(began) != time.Minute {
			t.Errorf("%s: %q after %s", tt.path, got, c.Since(began))
		}
	}
}
