package luart

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/caddy-rover/rover/eventloop"
)

// What the loop refuses Run returns, before any Lua ran; the places of a route in the
// queue are its own, those of unrouted requests their guard's.
func TestRunRefusals(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local s = rover.state("s", { ran = 0 })
		function api.wait.get() rover.sleep(3600) end
		function api.count.p_x.get() s.ran = s.ran + 1 end
		function api.count.p_x.post() s.ran = s.ran + 1 end
		function api.guarded.before.guard() s.ran = s.ran + 1 end
		function api.ran.get() return s.ran end
		return api`)
	s.vm.SetLimits(eventloop.Limits{MaxWaiting: 1})
	ctx, leave := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		r := httptest.NewRequest("GET", "/wait", nil).WithContext(ctx)
		s.gen.serve(r)
	}()
	until(func() bool { return s.vm.Stats().Waiting == 1 })
	if _, err := s.gen.serve(httptest.NewRequest("GET", "/count/1", nil)); err != eventloop.ErrTooManyWaiting {
		t.Errorf("too many waiting: %v", err)
	}
	s.vm.SetLimits(eventloop.Limits{Queue: 4, QueueTimeout: time.Hour})
	leave()
	wg.Wait()

	free := s.holdVM()
	queue := func(method, path string) {
		depth := s.vm.Stats().Depth
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := s.gen.serve(httptest.NewRequest(method, path, nil)); err != nil {
				t.Errorf("%s %s: %v", method, path, err)
			}
		}()
		until(func() bool { return s.vm.Stats().Depth > depth })
	}
	for _, path := range []string{"/count/1", "/count/2", "/count/3"} {
		queue("GET", path)
	}
	if _, err := s.gen.serve(httptest.NewRequest("GET", "/count/4", nil)); err != eventloop.ErrQuotaUsed {
		t.Errorf("a fourth of one route: %v", err)
	}
	queue("POST", "/count/1")
	if _, err := s.gen.serve(httptest.NewRequest("GET", "/guarded/x", nil)); err != eventloop.ErrOverloaded {
		t.Errorf("full: %v", err)
	}
	free()
	wg.Wait()
	s.expect("GET /ran", "200 4")

	x := s.gen.Begin(httptest.NewRecorder(), httptest.NewRequest("GET", "/guarded/x", nil), s, s.next)
	if x.quota() != &x.match.Before[0].quota {
		t.Error("an unrouted request does not count towards its guard")
	}
	x.End()
}

// serve runs a request up to the decision.
func (g *Generation) serve(r *http.Request) (Decision, error) {
	x := g.Begin(httptest.NewRecorder(), r, nil, nil)
	defer x.End()
	return x.Run()
}

func until(cond func() bool) {
	for !cond() {
		runtime.Gosched()
	}
}
