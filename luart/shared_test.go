package luart

import (
	"context"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/lib/shared"
)

// handClock is a time that a test moves.
type handClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *handClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// newClockServer is a server whose caches, if handlers make them, have the clock's time.
func newClockServer(t testing.TB, source string, change ...func(*Script)) (*server, *handClock) {
	t.Helper()
	s := newServer(t, source, change...)
	c := &handClock{t: time.Unix(1_000_000, 0)}
	shared.SetNow(s.vm, c.now)
	return s, c
}

// closeChannel closes a channel of the VM.
func (s *server) closeChannel(name string) {
	s.t.Helper()
	s.atomically("rover.channel('"+name+"'):close()", nil)
}

// atomically runs a chunk that does not wait; rover.hook() in it calls hook.
func (s *server) atomically(chunk string, hook func()) {
	s.t.Helper()
	tool := &Tool{Name: "chunk", Prelude: []byte("local rover = ... return { run = function() " + chunk + " end }")}
	libraries := append(slices.Clone(all.Libraries()), &lib.Library{Name: "hook", Open: func(s *lib.Scope) lua.LValue {
		return s.L().NewFunction(func(*lua.LState) int { hook(); return 0 })
	}})
	g, err := s.vm.Load(s.t.Context(), Script{Path: "chunk.lua", Burst: time.Minute, Tool: tool, Libraries: libraries})
	if err == nil {
		_, err = g.Call(s.t.Context(), "run")
		g.Retire()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// waitsIn returns the call that waits of a name, the first one. Only the holder may call it.
func (s *server) waitsIn(name string) *call {
	for f := s.vm.inflight.first; f != nil; f = f.next {
		if f.c.name() == name {
			return f.c
		}
	}
	panic("nothing waits in " + name)
}

// pending is a request that is under way.
type pending struct {
	t      testing.TB
	leave  context.CancelFunc // the client goes
	result chan string
}

// begin sends a request and does not wait for its answer.
func (s *server) begin(request string) *pending {
	method, target, _ := strings.Cut(request, " ")
	ctx, leave := context.WithCancel(context.Background())
	p := &pending{s.t, leave, make(chan string, 1)}
	go func() {
		defer leave()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, target, nil).WithContext(ctx))
		p.result <- answer(w)
	}()
	return p
}

// beginWaiting is begin, and returns when one more call waits than before.
func (s *server) beginWaiting(request string) *pending {
	waiting := s.vm.Stats().Waiting
	p := s.begin(request)
	s.untilWaiting(waiting + 1)
	return p
}

// untilWaiting returns when n calls wait.
func (s *server) untilWaiting(n int) {
	s.t.Helper()
	patience := time.Now().Add(20 * time.Second)
	for got := s.vm.Stats().Waiting; got != n; got = s.vm.Stats().Waiting {
		if time.Now().After(patience) {
			s.t.Fatalf("%d calls wait, want %d", got, n)
		}
		runtime.Gosched()
	}
}

func (p *pending) leaveIf(leaves bool) {
	if leaves {
		p.leave()
	}
}

func (p *pending) expect(want string) {
	p.t.Helper()
	select {
	case got := <-p.result:
		if got != want {
			p.t.Errorf("got %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		p.leave()
		p.t.Errorf("no answer, want %q", want)
	}
}

// once sends one request.
func (s *server) once(request, want string) {
	s.t.Helper()
	if got := answer(s.do(request, "")); got != want {
		s.t.Errorf("%s: got %q, want %q", request, got, want)
	}
}

// held runs f as the holder.
func (s *server) held(f func()) {
	s.t.Helper()
	if err := s.vm.loop.DoAdmitted(func(*thread) error { f(); return nil }); err != nil {
		s.t.Fatal(err)
	}
}

// gone is the answer that a client which has left does not see.
const gone = `499 {"error":"internal error"}`
