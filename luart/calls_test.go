package luart

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-rover/rover/eventloop"
)

// inFlight waits until the calls in flight are as ok wants them.
func (s *server) inFlight(ok func([]Call) bool) []Call {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		calls, _, err := s.vm.InFlight(context.Background(), maxInFlight)
		if err != nil {
			s.t.Fatal(err)
		}
		if ok(calls) {
			return calls
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("in flight: %+v", calls)
		}
	}
}

func (s *server) kill(id uint64) Call {
	s.t.Helper()
	c, err := s.vm.Kill(context.Background(), id)
	if err != nil {
		s.t.Error(err)
	}
	return c
}

const inFlightScript = `
	local api = rover.server {}
	local function deep(n)
		if n > 0 then local _ = deep(n - 1) return end
		rover.sleep(3600)
	end
	function api.sleep.p_id.get(ctx)
		deep(2)
		return "slept"
	end
	function api.stubborn.get()
		while true do pcall(rover.sleep, 3600) end
	end
	function api.co.get()
		local co = coroutine.wrap(function() rover.lock("door"):acquire() end)
		co()
		return "had it"
	end
	function api.hold.get()
		rover.lock("door"):with(function() rover.channel("never"):recv(3600) end)
		return "held"
	end
	function api.both.get()
		local ok = pcall(rover.parallel, {
			function() rover.sleep(3600) end,
			function() rover.channel("c"):recv() end,
		})
		return "caught"
	end
	function api.wild.get() pcall(function() while true do end end) return "tame" end
	function api.wait_next.get(ctx) return ctx:next() end
	function api.body.post(ctx) return ctx:body():text() end
	function api.fetched.get() return rover.cache("c"):fetch("k", { ttl = 60 }, function() rover.sleep(3600) end) end
	rover.spawn(function() rover.channel("tasks"):recv() end)
	function api.flow.get()
		local n = 0
		return api.stream(200, "text/plain", function() n = n + 1 return n < 3 and "x" or rover.sleep(3600) end)
	end
	return api`

func named(name string) func([]Call) bool {
	return func(calls []Call) bool { return findCall(calls, name) != nil }
}

func findCall(calls []Call, name string) *Call {
	for i := range calls {
		if calls[i].Name == name {
			return &calls[i]
		}
	}
	return nil
}

// start sends a request that is expected to be killed, and returns what it gets.
func (s *server) start(request string) <-chan string {
	got := make(chan string, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				got <- "cut"
			}
		}()
		got <- answer(s.do(request, "body"))
	}()
	return got
}

const unavailable = `503 {"error":"unavailable"}`

// Everything that waits is listed with what it waits for and where it is, and ends when
// it is killed, and nothing else does.
func TestInFlightAndKill(t *testing.T) {
	s := newServer(t, inFlightScript)
	s.next = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	other := s.start("GET /sleep/other")
	s.inFlight(named("GET /sleep/:id"))
	for _, tt := range []struct {
		request, name, waitsOn, traceback string
		want                              string
	}{
		{"GET /sleep/7", "GET /sleep/:id", "rover.sleep", "[G]: in function 'sleep'|app.lua:5: in function 'deep'|app.lua:4: in function 'deep'|app.lua:4: in function 'deep'|app.lua:8: in function <app.lua:7>", unavailable},
		{"GET /stubborn", "GET /stubborn", "rover.sleep", "app.lua:12: in function", unavailable},
		{"GET /hold", "GET /hold", `receive from channel "never"`, "app.lua:20: in function", unavailable},
		{"GET /both", "GET /both", "rover.parallel", "app.lua:24: in function", unavailable},
		{"GET /wait_next", "GET /wait_next", "ctx:next", "app.lua:31: in function", unavailable},
		{"GET /fetched", "GET /fetched", "rover.sleep", "app.lua:33: in function <app.lua:33>", unavailable},
		{"GET /flow", "GET /flow", "rover.sleep", "app.lua:37: in function", "cut"},
	} {
		t.Run(tt.request, func(t *testing.T) {
			got := s.start(tt.request)
			_, path, _ := strings.Cut(tt.request, " ")
			var c Call
			s.inFlight(func(calls []Call) bool {
				for _, have := range calls {
					if have.Path == path && have.Name == tt.name && have.WaitsOn == tt.waitsOn && have.Waited > 0 {
						c = have
					}
				}
				return c.ID != 0
			})
			if trace := strings.Join(c.Traceback, "|"); c.State != CallWaits || !strings.Contains(trace, tt.traceback) || c.Age+0.001 < c.Waited || c.Version != 1 {
				t.Errorf("%+v", c)
			}
			if killed := s.kill(c.ID); killed.ID != c.ID || killed.Name != tt.name || killed.Waited < c.Waited {
				t.Errorf("killed %+v", killed)
			}
			if a := <-got; a != tt.want {
				t.Errorf("answer %q, want %q", a, tt.want)
			}
			var unknown *UnknownCallError
			if _, err := s.vm.Kill(context.Background(), c.ID); !errors.As(err, &unknown) {
				t.Errorf("killed again: %v", err)
			}
		})
	}
	task := findCall(s.inFlight(named("rover.spawn of app.lua")), "rover.spawn of app.lua")
	if task.WaitsOn != `receive from channel "tasks"` || task.Defined != "app.lua:34" || task.Method != "" {
		t.Errorf("task %+v", task)
	}
	s.kill(task.ID)
	calls := s.inFlight(func(calls []Call) bool { return len(calls) == 1 })
	if calls[0].Path != "/sleep/other" {
		t.Errorf("left: %+v", calls)
	}
	if n := s.vm.Counters(); n.Killed != 9-1 || n.Kills != 0 {
		t.Errorf("%+v", n)
	}
	s.kill(calls[0].ID)
	if a := <-other; a != unavailable {
		t.Error(a)
	}
}

// Killing one function of a rover.parallel ends its caller, whatever that catches.
func TestKillInParallel(t *testing.T) {
	s := newServer(t, inFlightScript)
	got := s.start("GET /both")
	var parent, child Call
	s.inFlight(func(calls []Call) bool {
		for _, c := range calls {
			switch c.WaitsOn {
			case "rover.parallel":
				parent = c
			case `receive from channel "c"`:
				child = c
			}
		}
		return parent.ID != 0 && child.ID != 0
	})
	if child.Parent != parent.ID {
		t.Errorf("the parent of %+v is %+v", child, parent)
	}
	s.kill(child.ID)
	if a := <-got; a != unavailable {
		t.Error(a)
	}
}

// A call is ended once, however many want it: who comes too late learns that.
func TestKillOnce(t *testing.T) {
	const rounds, killers = 20, 4
	s := newServer(t, inFlightScript)
	for range rounds {
		got := s.start("GET /sleep/1")
		id := findCall(s.inFlight(named("GET /sleep/:id")), "GET /sleep/:id").ID
		failed := make(chan error, killers)
		for range killers {
			go func() {
				_, err := s.vm.Kill(context.Background(), id)
				failed <- err
			}()
		}
		ended := 0
		for range killers {
			err := <-failed
			if unknown, ok := errors.AsType[*UnknownCallError](err); err == nil {
				ended++
			} else if !ok || unknown.ID != id {
				t.Error(err)
			}
		}
		if ended != 1 {
			t.Errorf("%d have ended call %d", ended, id)
		}
		if a := <-got; a != unavailable {
			t.Error(a)
		}
	}
	if n := s.vm.Counters().Killed; n != rounds {
		t.Errorf("%d calls were ended, want %d", n, rounds)
	}
}

// A coroutine's wait has the frames of who resumed it, too, and a lock that was waited for
// goes to the next.
func TestKillWaitsForLock(t *testing.T) {
	s := newServer(t, inFlightScript)
	hold := s.start("GET /hold")
	s.inFlight(named("GET /hold"))
	co := s.start("GET /co")
	calls := s.inFlight(func(calls []Call) bool {
		c := findCall(calls, "GET /co")
		return c != nil && c.State == CallWaits
	})
	c := findCall(calls, "GET /co")
	if trace := strings.Join(c.Traceback, "|"); c.WaitsOn != `rover.lock "door"` ||
		!strings.Contains(trace, "app.lua:15: in a coroutine|[G]: in function 'co'|app.lua:16: in function <app.lua:14>") {
		t.Errorf("%+v", c)
	}
	s.kill(findCall(calls, "GET /hold").ID)
	if a := <-hold; a != unavailable {
		t.Error(a)
	}
	if a := <-co; a != "200 had it" {
		t.Error(a)
	}
}

// A script that runs wild is seen while it runs, and ended, long before its burst is over.
func TestKillRunning(t *testing.T) {
	s := newServer(t, inFlightScript, withBurst(time.Hour), func(s *Script) { s.Timeout = 0 })
	got := s.start("GET /wild")
	calls := s.inFlight(named("GET /wild"))
	c := calls[0]
	if c.State != CallRuns || c.WaitsOn != "" || !strings.HasPrefix(c.Traceback[0], "app.lua:30: in function") {
		t.Errorf("%+v", c)
	}
	s.kill(c.ID)
	if a := <-got; a != unavailable {
		t.Error(a)
	}
	if n := s.vm.Counters(); n.Killed != 1 || n.Kills != 0 {
		t.Errorf("%+v", n)
	}
	if e := s.logged("script error"); len(e) != 1 || !strings.Contains(e[0].ContextMap()["error"].(string), "an operator has ended the call") {
		t.Errorf("%v", e)
	}
	s.expect("GET /body", "200 GET /body ") // no route: next
}

// A queue that is full of requests of the highest priority does not hide what holds the VM, and keeps nobody
// from ending it.
func TestKillBehindAFullQueue(t *testing.T) {
	s := newServer(t, inFlightScript, withBurst(time.Hour), func(s *Script) { s.Timeout = 0 })
	s.vm.SetLimits(eventloop.Limits{Queue: 1, QueueTimeout: time.Hour})
	got := s.start("GET /wild")
	c := s.inFlight(named("GET /wild"))[0]
	s.fillQueue()
	if calls := s.inFlight(named("GET /wild")); calls[0].State != CallRuns {
		t.Errorf("%+v", calls)
	}
	s.kill(c.ID)
	if a := <-got; a != unavailable {
		t.Error(a)
	}
	s.expect("GET /body", "200 GET /body ")
}

// Who asks does not wait for longer than it wants to, whatever holds the VM.
func TestInFlightBehindGo(t *testing.T) {
	s := newServer(t, helloScript)
	s.vm.SetLimits(eventloop.Limits{Queue: 1, QueueTimeout: time.Hour})
	defer s.holdVM()()
	s.fillQueue()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(2*inspectAgain, cancel)
	if _, _, err := s.vm.InFlight(ctx, 1); err == nil {
		t.Error("the VM is held, and answers")
	}
}

// fillQueue takes every place in the queue of the highest priority. Somebody holds the VM.
func (s *server) fillQueue() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for errors.Is(s.vm.loop.DoClass(ctx, eventloop.High, nil, func(*thread) error { return nil }), context.Canceled) {
		// a task that is cancelled keeps its place for now
	}
}

// A stream whose client takes nothing is listed and can be killed.
func TestKillStreaming(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get()
			return api.stream(200, "text/plain", function() return ("x"):rep(100000) end)
		end
		return api`)
	web := httptest.NewServer(s)
	defer web.Close()
	resp, err := http.Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var c Call
	s.inFlight(func(calls []Call) bool { // until the connection is full
		for _, have := range calls {
			if have.State == CallStreams && have.Waited > 0.2 {
				c = have
			}
		}
		return c.ID != 0
	})
	if c.WaitsOn != "the client, to take what was sent" || c.Traceback != nil {
		t.Errorf("%+v", c)
	}
	s.kill(c.ID)
	s.inFlight(func(calls []Call) bool { return len(calls) == 0 })
}

// Looking does not disturb: the list is right while calls come and go.
func TestInFlightUnderLoad(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.p_n.get(ctx)
			rover.sleep(0)
			rover.parallel{function() rover.sleep(0.001) end, function() rover.sleep(0) end}
			return ctx:param("n")
		end
		return api`)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for range 100 {
				if a := answer(s.do("GET /"+string(rune('a'+n)), "")); a != "200 "+string(rune('a'+n)) {
					t.Error(a)
				}
			}
		})
	}
	for range 200 {
		s.inFlight(func(calls []Call) bool {
			seen := map[uint64]bool{}
			for _, c := range calls {
				if seen[c.ID] || c.Name != "GET /:n" {
					t.Errorf("%+v", calls)
				}
				seen[c.ID] = true
			}
			return true
		})
	}
	wg.Wait()
	s.inFlight(func(calls []Call) bool { return len(calls) == 0 })
}

func TestInFlightOfAClosedVM(t *testing.T) {
	s := newServer(t, helloScript)
	s.vm.Close(context.Background())
	if _, _, err := s.vm.InFlight(context.Background(), 1); err == nil {
		t.Error("a closed VM answers")
	}
}

// A timer whose call is killed goes on; no more is told at once than was asked for.
func TestKillTimer(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.every(0.001, function() rover.sleep(3600) end)
		function api.get() rover.sleep(3600) end
		return api`)
	first := findCall(s.inFlight(named("rover.every of app.lua")), "rover.every of app.lua").ID
	s.kill(first)
	s.inFlight(func(calls []Call) bool {
		c := findCall(calls, "rover.every of app.lua")
		return c != nil && c.ID != first
	})
	var got []<-chan string
	for range 5 {
		got = append(got, s.start("GET /"))
	}
	all := s.inFlight(func(calls []Call) bool { // what runs comes first
		return len(calls) == 6 && !slices.ContainsFunc(calls, func(c Call) bool { return c.State == CallRuns })
	})
	if calls, more, err := s.vm.InFlight(context.Background(), 2); err != nil || len(calls) != 2 || more != 4 || calls[0].ID != all[0].ID {
		t.Errorf("%+v and %d more, %v", calls, more, err)
	}
	for _, c := range all {
		if c.Name == "GET /" {
			s.kill(c.ID)
		}
	}
	for _, g := range got {
		if a := <-g; a != unavailable {
			t.Error(a)
		}
	}
}

// What on_failure says of a failed route holds for one that was killed.
func TestKillAndOnFailure(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get() rover.sleep(3600) end
		return api`, func(s *Script) { s.OnFailure = FailPass })
	got := s.start("GET /")
	s.kill(s.inFlight(named("GET /"))[0].ID)
	if a := <-got; a != "200 GET / body" {
		t.Error(a)
	}
}
