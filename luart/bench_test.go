package luart

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

const helloScript = `
	local api = rover.server {}
	function api.get() return { message = "hello" } end
	function api.p_id.get(ctx) return { message = "hello", id = ctx:param("id") } end
	function api.sleep.get() rover.sleep(0) return { message = "hello" } end
	return api`

// BenchmarkVM compares the VM's share of the hello handler (enter, call, table to
// JSON) with a bare protected call of the same Lua function in gopher-lua.
func BenchmarkVM(b *testing.B) {
	b.Run("kind=pcall", func(b *testing.B) {
		L := lua.NewState()
		defer L.Close()
		if err := L.DoString(`function f() return { message = "hello" } end`); err != nil {
			b.Fatal(err)
		}
		fn := L.GetGlobal("f")
		b.ReportAllocs()
		for b.Loop() {
			L.Push(fn)
			if err := L.PCall(0, 1, nil); err != nil {
				b.Fatal(err)
			}
			L.Pop(1)
		}
	})
	b.Run("kind=hello", func(b *testing.B) {
		s := newServer(b, helloScript)
		r := httptest.NewRequest("GET", "/", nil)
		x := s.gen.Begin(nil, r, s, s.next)
		defer x.End()
		b.ReportAllocs()
		// Inside one hold: the loop's own cost is in BenchmarkDo.
		err := s.vm.loop.Do(context.Background(), func(th *thread) error {
			for b.Loop() {
				s.gen.vm.start(&x.call, th)
				x.runPhase()
			}
			return nil
		})
		if err != nil || string(x.outcome.reply.Body) != `{"message":"hello"}` {
			b.Fatal(err, string(x.outcome.reply.Body))
		}
	})
}

// BenchmarkExchange is a whole request without net/http: match, enter the VM, answer.
func BenchmarkExchange(b *testing.B) {
	for _, path := range []string{"/", "/7", "/sleep"} {
		for _, p := range []int{1, 8, 64, 1024} {
			b.Run(fmt.Sprintf("path=%s/p=%d", path, p), func(b *testing.B) {
				s := newServer(b, helloScript)
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				b.ReportAllocs()
				b.ResetTimer()
				for range p {
					wg.Add(1)
					go func() {
						defer wg.Done()
						ctx, cancel := context.WithCancel(context.Background())
						defer cancel()
						r := httptest.NewRequest("GET", path, nil).WithContext(ctx)
						for left.Add(-1) >= 0 {
							x := s.gen.Begin(nil, r, s, s.next)
							if _, err := x.Run(); err != nil {
								b.Error(err)
							}
							x.End()
						}
					}()
				}
				wg.Wait()
			})
		}
	}
}

// BenchmarkMatch is the matching alone: a route, and a request that nothing wants.
func BenchmarkMatch(b *testing.B) {
	s := newServer(b, helloScript)
	for _, path := range []string{"/", "/7", "/a/b/c"} {
		b.Run("path="+path, func(b *testing.B) {
			r := httptest.NewRequest("GET", path, nil)
			var m routeMatch
			b.ReportAllocs()
			for b.Loop() {
				m.Reset()
				s.gen.tree.Find(r, &m)
			}
		})
	}
}

// BenchmarkServe is a whole request with net/http's types, and what a decision with
// ctx costs.
func BenchmarkServe(b *testing.B) {
	s := newServer(b, `
		local api = rover.server {}
		function api.hello.get() return { message = "hello" } end
		function api.decide.w_rest.get(ctx) return api.proxy(ctx:cookie("beta") and "10.0.0.7:80" or "10.0.0.5:80") end
		return api`)
	s.next = http.NotFoundHandler()
	for _, path := range []string{"/hello", "/decide/x"} {
		b.Run("path="+path, func(b *testing.B) {
			r := httptest.NewRequest("GET", path, nil)
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				x := s.gen.Begin(w, r, s, s.next)
				if _, err := x.Run(); err != nil {
					b.Fatal(err)
				}
				x.End()
			}
		})
	}
}

// A waiting handler's Lua thread must stay within 16 KiB.
func BenchmarkThread(b *testing.B) {
	s := newServer(b, helloScript, func(s *Script) { s.Timeout = time.Minute })
	b.ReportAllocs()
	for b.Loop() {
		s.vm.newThread()
	}
}

// BenchmarkGuards is what matching costs on a request's goroutine, before the VM is entered: with
// a hook at the root only, with one below, and for paths that servers read in several ways.
func BenchmarkGuards(b *testing.B) {
	for _, script := range []struct{ hooks, source string }{
		{"none", ``},
		{"root", `function api.before.all(ctx) end`},
		{"deep", `function api.before.all(ctx) end function api.admin.before.guard(ctx) end`},
	} {
		g := newServer(b, `local api = rover.server {}
			function api.users.p_id.orders.get() end `+script.source+` return api`).gen
		for _, path := range []struct{ kind, target string }{
			{"plain", "/users/1234567/orders"},
			{"capitals", "/users/ABCDEFG/orders"},
			{"escaped", "/users/a%2Fb/orders"},
			{"odd", "/users/a%2Fb/../c;x//orders"},
		} {
			b.Run("hooks="+script.hooks+"/path="+path.kind, func(b *testing.B) {
				r := httptest.NewRequest("GET", path.target, nil)
				m := &routeMatch{}
				b.ReportAllocs()
				for b.Loop() {
					g.tree.Find(r, m)
					m.Reset()
				}
			})
		}
	}
}
