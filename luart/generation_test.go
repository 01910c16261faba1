package luart

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/lib/all"
)

// A new generation has the old state, by reference, and nothing else of the old.
func TestStateSurvivesGenerations(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local hits = rover.state("hits", { n = 0 })
		leaked = "global"
		string.extra = function() return "extra" end
		function api.get() hits.n = hits.n + 1 return hits.n end
		return api`)
	s.expect2("GET /", "200 1", "200 2")
	old := s.gen
	err := s.load(`
		local api = rover.server {}
		local hits = rover.state("hits", { n = 100 })
		function api.get() hits.n = hits.n + 10 return tostring(hits.n) .. tostring(leaked) .. tostring(string.extra) .. tostring(("").extra) end
		return api`)
	if err != nil {
		t.Fatal(err)
	}
	s.expect2("GET /", "200 12nilnilnil", "200 22nilnilnil")
	s.gen = old // in flight on the old one: old code, same state, its own string library
	s.expect2("GET /", "200 23", "200 24")
}

func (s *server) expect2(request string, want ...string) {
	s.t.Helper()
	for _, w := range want {
		if got := answer(s.do(request, "")); got != w {
			s.t.Errorf("%s: got %q, want %q", request, got, w)
		}
	}
}

func TestFailedLoadSaysWhere(t *testing.T) {
	s := newServer(t, `local api = rover.server {} function api.get() return "old" end return api`)
	for source, want := range map[string]string{
		"local x = = 1":                   "app.lua:1: ",
		"local a\nerror('boom')":          "app.lua:2: boom",
		"local a\nlocal b = nil\nb.c = 1": "app.lua:3: ",
		"return {}":                       "never called rover.server",
		"rover.server {}":                 `must end with "return api"`,
		"rover.server {} rover.server {}": "app.lua:1: rover.server was called before",
		"local api = rover.server {}\nfunction api.users.fetch() end\nreturn api":                         `app.lua:2: api.users.fetch: "fetch" is not a method`,
		"local api = rover.server {}\napi.users.get = 5\nreturn api":                                      "app.lua:2: api.users.get must be a function, not a number",
		"local api = rover.server {}\napi.users.x = 5\nreturn api":                                        "app.lua:2: api.users.x must be a function or a table, not a number",
		"local api = rover.server {}\nfunction api.p_a.get() end\nfunction api.p_b.get() end\nreturn api": "app.lua:3: api.p_b: this place already has the parameter \"a\"",
		"local api = rover.server {}\nfunction api.w_rest.more.get() end\nreturn api":                     "app.lua:2: api.w_rest.more: a wildcard takes the rest",
		"local api = rover.server {}\napi['a/b'].get = print\nreturn api":                                 `one segment`,
		"local api = rover.server {}\nfunction api.chat.ws() end\nreturn api":                             "app.lua:2: api.chat.ws: WebSocket handlers in Lua are not available",
		"local api = rover.server {}\nfunction api.json.get() end\nreturn api":                            "app.lua:2: api.json",
		"local api = rover.server {}\napi.stream = 1\nreturn api":                                         "app.lua:2: api.stream builds responses and cannot be assigned",
		"local api = rover.server {}\nfunction api.before.x() end api.before.y = 1\nreturn api":           "api.before.y must be a function",
		"require 'missing'": "app.lua:1: ",
	} {
		err := s.load(source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", source, err, want)
		}
	}
	s.expect("GET /", "200 old")
}

func TestRoutesAreFixedAfterLoad(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.add.get() function api.late.get() end end
		function api.hook.get() function api.before.late() end end
		function api.touch.get() return tostring(api.nowhere) end
		return api`)
	for _, p := range []string{"add", "hook", "touch"} {
		s.do("GET /"+p, "")
	}
	logs := s.logged("script error")
	if len(logs) != 3 {
		t.Fatalf("%d errors", len(logs))
	}
	for _, l := range logs {
		if msg := l.ContextMap()["error"].(string); !strings.Contains(msg, "after the script has loaded") || !strings.Contains(msg, "app.lua:") {
			t.Error(msg)
		}
	}
}

// Loads race with requests on the same VM: no request fails, no increment is lost.
func TestLoadUnderTraffic(t *testing.T) {
	const source = `
		local api = rover.server {}
		local hits = rover.state("hits", { n = 0 })
		function api.get() local n = hits.n; hits.n = n + 1; return "ok" end
		function api.total.get() return hits.n end
		return api`
	s := newServer(t, source)
	var gen sync.RWMutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 200 {
				gen.RLock()
				got := answer(s.do("GET /", ""))
				gen.RUnlock()
				if got != "200 ok" {
					t.Error(got)
				}
			}
		}()
	}
	for range 50 {
		g, err := s.vm.Load(context.Background(), Script{Libraries: all.Libraries(), Path: "app.lua", Source: []byte(source), Timeout: time.Minute, Burst: time.Second})
		if err != nil {
			t.Error(err)
			break
		}
		gen.Lock()
		s.gen = g
		gen.Unlock()
	}
	wg.Wait()
	s.expect("GET /total", "200 1600")
}

// What a generation has made can be collected when it is replaced, also where Lua threads
// that its handlers have used are kept for later ones.
func TestReplacedGenerationsAreFreed(t *testing.T) {
	source := `
		local api = rover.server {}
		local ch = rover.channel("go")
		function api.wait.get() ch:recv() return "waited" end
		function api.go.get() ch:send(true) return "ok" end
		return api`
	s := newServer(t, source)
	var freed atomic.Int64
	const generations = 10
	for i := range generations {
		runtime.AddCleanup(s.gen.env, func(int) { freed.Add(1) }, i)
		var waiting []*pending
		for range generations - i { // threads that are not needed again
			waiting = append(waiting, s.beginWaiting("GET /wait"))
		}
		for n := range waiting {
			if n == 1 { // one ends before the next generation comes, the others after
				old := s.gen
				if err := s.load(source); err != nil {
					t.Fatal(err)
				}
				old.Retire()
			}
			s.once("GET /go", "200 ok")
		}
		if len(waiting) == 1 {
			old := s.gen
			if err := s.load(source); err != nil {
				t.Fatal(err)
			}
			old.Retire()
		}
		for _, p := range waiting {
			p.expect("200 waited")
		}
	}
	last := s.beginWaiting("GET /wait") // the VM remembers what ran last
	s.once("GET /go", "200 ok")
	last.expect("200 waited")
	untilFreed(t, &freed, generations)
}

// untilFreed collects garbage until as many generations are freed. It counts collections, not
// time: what nothing refers to goes with the third, once the pools that it was in are empty, and
// how long that takes depends on the machine.
func untilFreed(t *testing.T, freed *atomic.Int64, generations int64) {
	t.Helper()
	const enough = 100
	for range enough {
		if freed.Load() == generations {
			return
		}
		runtime.GC()
	}
	t.Fatalf("%d of %d generations are freed after %d collections", freed.Load(), generations, enough)
}

// So it can where code of others ran later on the same Lua thread, or it ran there before, and
// where others got what its calls left in gopher-lua's pool.
func TestReplacedGenerationsAreFreedFromSharedThreads(t *testing.T) {
	source := `
		local api = rover.server {}
		local ch = rover.channel("go")
		local calls = 0
		local function f(n) calls = calls + 1 if n > 0 then return 1 + f(n - 1) end ch:recv() return 0 end
		function api.wait.get() return tostring(f(30)) end
		function api.go.get() ch:send(true) return "ok" end
		function api.last.get() return "ok" end
		function api.co.get()
			rover.state("kept").co = rover.state("kept").co or coroutine.wrap(function() coroutine.yield(1) end)
			return rover.state("kept").co()
		end
		return api`
	s := newServer(t, source)
	s.once("GET /co", "200 1")
	var freed atomic.Int64
	const generations = 10
	for i := range generations {
		old := s.gen
		if i > 0 { // the coroutine keeps the first
			runtime.AddCleanup(old.env, func(int) { freed.Add(1) }, i)
		}
		var waiting []*pending
		wait := func(n int) {
			for range n {
				waiting = append(waiting, s.beginWaiting("GET /wait"))
			}
		}
		wait(3)
		if err := s.load(source); err != nil {
			t.Fatal(err)
		}
		wait(3)
		s.gen, old = old, s.gen
		wait(1) // in flight on the old one
		s.gen, old = old, s.gen
		for n := range waiting {
			s.once("GET /go", "200 ok")
			if n == 2 {
				old.Retire()
			}
		}
		for _, p := range waiting {
			p.expect("200 30")
		}
	}
	s.once("GET /last", "200 ok") // the VM remembers what ran last
	untilFreed(t, &freed, generations-1)
}
