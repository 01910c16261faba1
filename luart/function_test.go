package luart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/budget"
	"github.com/caddy-rover/rover/luart/policy"
)

// match asks a matcher about GET target.
func (s *server) match(name, target string) (bool, error) {
	s.t.Helper()
	f := s.gen.Function(MatcherFunction, name)
	if f == nil {
		s.t.Fatalf("no matcher %s; there are %q", name, s.gen.Functions(MatcherFunction))
	}
	return f.Match(httptest.NewRequest("GET", target, nil), s, eventloop.Normal)
}

// choose asks a policy to choose for GET target.
func (s *server) choose(name, target string, upstreams ...policy.Upstream) (int, error) {
	s.t.Helper()
	f := s.gen.Function(PolicyFunction, name)
	if f == nil {
		s.t.Fatalf("no policy %s; there are %q", name, s.gen.Functions(PolicyFunction))
	}
	return f.Select(httptest.NewRequest("GET", target, nil), s, eventloop.Normal, upstreams)
}

func TestMatcherFunction(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local asked = rover.state("asked", {})
		rover.matcher("path", function(ctx)
			asked[#asked + 1] = ctx.path
			return ctx.path == "/yes" and ctx:query().q == "1"
		end)
		rover.matcher("nil", function() end)
		rover.matcher("waits", function(ctx) rover.sleep(0.001) return ctx.path == "/yes" end)
		rover.matcher("vars", function(ctx) ctx:set("k", 1) ctx:set_var("seen", ctx:get("k")) return ctx:var("seen") == 1 end)
		function api.get() return table.concat(asked, " ") end
		return api`)
	for _, tt := range []struct {
		name, target string
		want         bool
	}{
		{"path", "/yes?q=1", true},
		{"path", "/yes?q=2", false},
		{"path", "/no?q=1", false},
		{"nil", "/yes", false},
		{"waits", "/yes", true},
		{"waits", "/no", false},
	} {
		for range 2 {
			if got, err := s.match(tt.name, tt.target); got != tt.want || err != nil {
				t.Errorf("%s %s: %v, %v", tt.name, tt.target, got, err)
			}
		}
	}
	s.expect("GET /", "200 /yes /yes /yes /yes /no /no")
	if _, err := s.match("vars", "/"); err != nil || s.vars["seen"] != int64(1) {
		t.Errorf("%v, %v", s.vars, err)
	}
	if f := s.gen.Function(MatcherFunction, "other"); f != nil {
		t.Error("a matcher that nobody registered")
	}
	if f := s.gen.Function(PolicyFunction, "path"); f != nil {
		t.Error("a matcher is a policy")
	}
	if got := fmt.Sprint(s.gen.Functions(MatcherFunction)); got != "[nil path vars waits]" {
		t.Error(got)
	}
}

// A failing matcher is an error with its status, never a yes.
func TestMatcherFunctionErrors(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local kept
		rover.matcher("error", function() local x = nil; return x.y end)
		rover.matcher("deliberate", function() error { status = 403, message = "no" } end)
		rover.matcher("wrong", function() return "yes" end)
		rover.matcher("change", function(ctx) ctx:set_header("X-A", "1") return true end)
		rover.matcher("body", function(ctx) ctx:body() return true end)
		rover.matcher("steer", function(ctx) ctx:upstream("a:80") return true end)
		rover.matcher("loops", function() while true do pcall(function() while true do end end) end end)
		rover.matcher("next", function(ctx) return ctx:next().status == 200 end)
		rover.matcher("slow", function() rover.sleep(3600) return true end)
		rover.matcher("keeps", function(ctx) kept = ctx return true end)
		rover.matcher("late", function() return kept.path == "/" end)
		return api`, withBurst(100*time.Millisecond), func(s *Script) { s.Timeout = 50 * time.Millisecond })
	for _, tt := range []struct {
		name   string
		status int
		want   string
	}{
		{"error", 500, "app.lua:4: "},
		{"deliberate", 403, "no"},
		{"wrong", 500, "app.lua:6: matcher wrong returned a string: a boolean or nil expected"},
		{"change", 500, "app.lua:7: ctx:set_header cannot be used in a matcher: do that in the script of a rover directive"},
		{"body", 500, "app.lua:8: ctx:body cannot be used in a matcher"},
		{"steer", 500, "app.lua:9: ctx:upstream cannot be used in a matcher"},
		{"next", 500, "app.lua:11: ctx:next cannot be used in a matcher"},
		{"loops", 500, budget.ErrBurst.Error()},
		{"slow", 504, errTimeout.Error()},
	} {
		got, err := s.match(tt.name, "/")
		serr := errorOf[*ScriptError](t, err)
		if got || serr.Status != tt.status || !strings.Contains(serr.Message, tt.want) {
			t.Errorf("%s: %v, %d %s", tt.name, got, serr.Status, serr.Message)
		}
		if logged := s.logged("script error"); len(logged) == 0 || logged[len(logged)-1].ContextMap()["handler"] != "matcher "+tt.name {
			t.Errorf("%s: logged %v", tt.name, logged)
		}
	}
	if got, err := s.match("keeps", "/"); !got || err != nil {
		t.Fatal(got, err)
	}
	_, err := s.match("late", "/")
	if serr := errorOf[*ScriptError](t, err); !strings.Contains(serr.Message, "the request is over") {
		t.Error(serr)
	}
}

func TestPolicyFunction(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.policy("number", function() return 2 end)
		rover.policy("dial", function(ctx, upstreams) return upstreams[3].dial end)
		rover.policy("table", function(ctx, upstreams)
			local best = upstreams[1]
			for _, u in ipairs(upstreams) do if u.requests < best.requests then best = u end end
			return best
		end)
		rover.policy("none", function() return nil end)
		rover.policy("fields", function(ctx, u)
			local a, b = u[1], u[2]
			assert(#u == 3 and a.dial == "a:80" and a.host == "a" and a.place == 1 and a.requests == 5 and a.fails == 1)
			assert(a.max_requests == 9 and b.max_requests == nil and b.place == 4)
			return tonumber(ctx:query().n)
		end)
		rover.policy("sorted", function(ctx, u)
			table.sort(u, function(a, b) return a.requests < b.requests end)
			if ctx:query().number then return tonumber(ctx:query().number) end
			return u[1]
		end)
		rover.policy("emptied", function(ctx, u) u[1], u[2], u[3] = {}, nil, nil return 1 end)
		rover.policy("upvalue", function(ctx, u) if ctx:query().keep then kept = u[1] end return kept end)
		rover.policy("change", function(ctx) ctx:set_host("x") return 1 end)
		return api`)
	list := []policy.Upstream{
		{Dial: "a:80", Host: "a", Place: 1, Requests: 5, Fails: 1, MaxRequests: 9},
		{Dial: "b:80", Host: "b", Place: 4, Requests: 3},
		{Dial: "c:80", Host: "c", Place: 5, Requests: 4},
	}
	for _, tt := range []struct {
		name, target string
		want         int
		err          string
	}{
		{"number", "/", 1, ""},
		{"dial", "/", 2, ""},
		{"table", "/", 1, ""},
		{"none", "/", -1, ""},
		{"fields", "/?n=1", 0, ""},
		{"fields", "/?n=3", 2, ""},
		{"fields", "/?n=4", -1, "app.lua:11: policy fields returned 4: the list has upstreams 1 to 3"},
		{"fields", "/?n=0", -1, "returned 0: the list has upstreams 1 to 3"},
		{"fields", "/?n=1.5", -1, "returned 1.5: the list has upstreams 1 to 3"},
		{"sorted", "/", 1, ""},
		{"sorted", "/?number=1", 1, ""},
		{"sorted", "/?number=3", 0, ""},
		{"emptied", "/", -1, "policy emptied returned a table: an upstream"},
		{"upvalue", "/?keep=1", 0, ""},
		{"upvalue", "/", -1, "policy upvalue returned a table: an upstream of the list, its number, its dial or nil expected"},
		{"change", "/", -1, "ctx:set_host cannot be used in a policy"},
	} {
		for range 2 {
			got, err := s.choose(tt.name, tt.target, list...)
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s %s: %d, %v", tt.name, tt.target, got, err)
			}
		}
	}
	if _, err := s.choose("dial", "/", list[:2]...); errorOf[*ScriptError](t, err).Status != 500 {
		t.Error(err)
	}
}

func TestRegisterErrors(t *testing.T) {
	for _, tt := range []struct{ source, want string }{
		{`rover.matcher("a", function() end)
		  rover.matcher("a", function() end)`, `app.lua:2: rover.matcher: "a" is registered already, at app.lua:1`},
		{`rover.policy("", function() end)`, "app.lua:1: bad argument #1 to policy (a name expected, got an empty string)"},
		{`rover.matcher("a")`, "app.lua:1: bad argument #2 to matcher (function expected, got no value)"},
		{`rover.matcher(function() end)`, "app.lua:1: bad argument #1 to matcher (string expected, got function)"},
	} {
		s := newServer(t, "return rover.server {}")
		err := s.load(tt.source + "\nreturn rover.server {}")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.source, err)
		}
	}
	s := newServer(t, `
		local api = rover.server {}
		rover.policy("a", function() end)
		rover.matcher("a", function() end) -- a name of its own kind
		function api.get() rover.matcher("b", function() end) end
		return api`)
	s.do("GET /", "")
	if got := s.logged("script error"); len(got) != 1 || !strings.Contains(got[0].ContextMap()["error"].(string), "app.lua:5: rover.matcher: the script has loaded") {
		t.Error(got)
	}
}

// A client that leaves ends the wait of a matcher; the cleanup of its script still runs.
func TestMatcherFunctionClientGone(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.matcher("waits", function()
			print("waiting")
			local ok, err = pcall(rover.sleep, 3600)
			print("woken")
			error(err)
		end)
		return api`)
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	var wg sync.WaitGroup
	wg.Go(func() {
		r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
		_, err = s.gen.Function(MatcherFunction, "waits").Match(r, s, eventloop.Normal)
	})
	s.awaitLine("waiting")
	cancel()
	s.awaitLine("woken")
	wg.Wait()
	if serr := errorOf[*ScriptError](t, err); serr.Status != StatusClientClosed {
		t.Error(serr.Status, serr)
	}
}

// What the VM refuses is an error that says so.
func TestMatcherFunctionRefused(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.matcher("waits", function() rover.channel("go", 1):recv() return true end)
		function api.go.get() rover.channel("go", 1):send(1) end
		return api`)
	s.vm.SetLimits(eventloop.Limits{MaxWaiting: 1})
	var wg sync.WaitGroup
	wg.Go(func() {
		if got, err := s.match("waits", "/"); !got || err != nil {
			t.Error(got, err)
		}
	})
	s.untilWaiting(1)
	if got, err := s.match("waits", "/"); got || !errors.Is(err, eventloop.ErrTooManyWaiting) {
		t.Error(got, err)
	}
	s.vm.SetLimits(eventloop.Limits{})
	s.expectOnce("GET /go", "204 ")
	wg.Wait()
	s.vm.Close(context.Background())
	if got, err := s.match("waits", "/"); got || !errors.Is(err, eventloop.ErrClosed) {
		t.Error(got, err)
	}
}

// expectOnce is expect for a request that must not be sent twice.
func (s *server) expectOnce(request, want string) {
	s.t.Helper()
	if got := answer(s.do(request, "")); got != want {
		s.t.Errorf("%s: got %q, want %q", request, got, want)
	}
}

// A matcher that uses up its burst over and over is in quarantine as a handler is, and
// closed: the policy pass is for handlers.
func TestMatcherFunctionQuarantine(t *testing.T) {
	pass := FailPass
	s := newServer(t, `
		local api = rover.server {}
		rover.matcher("loops", function() while true do rover.vm.spend() end end)
		return api`, withSpend, func(s *Script) { s.Quarantine, s.OnFailure = &pass, FailPass })
	for range quarantineAfter {
		if got, err := s.match("loops", "/"); got || err == nil {
			t.Fatal(got, err)
		}
	}
	got, err := s.match("loops", "/")
	if serr := errorOf[*ScriptError](t, err); got || !strings.Contains(serr.Message, "matcher loops is in quarantine") {
		t.Error(got, serr)
	}
}

func TestUpstreamMethod(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.before.first(ctx) ctx:upstream("first:80") end
		function api.one.get(ctx) ctx:upstream("a:80"):set_header("X-A", "1") return api.pass() end
		function api.list.get(ctx) ctx:upstream { "https://a", "https://b:8443", "srv+https://c" } return api.pass() end
		function api.replaced.get(ctx) ctx:upstream("a:80") ctx:upstream("b:80") return api.pass() end
		function api.fails.get(ctx) ctx:upstream("a:80") error("x") end
		function api.schemes.get(ctx) ctx:upstream { "http://a", "b" } end
		function api.empty.get(ctx) ctx:upstream {} end
		function api.none.get(ctx) ctx:upstream() end
		function api.bad.get(ctx) ctx:upstream("bad address") end
		return api`, func(s *Script) {
		s.OnFailure = FailPass
		s.CheckUpstream = func(a string) error {
			if strings.Contains(a, " ") {
				return errors.New("no good")
			}
			return nil
		}
	})
	for _, tt := range []struct{ path, want string }{
		{"/one", "[a:80]"},
		{"/list", "[https://a https://b:8443 srv+https://c]"},
		{"/replaced", "[b:80]"},
		{"/other", "[first:80]"},
		{"/fails", "[first:80]"}, // passed on as it was before the handler
	} {
		x := s.gen.Begin(httptest.NewRecorder(), httptest.NewRequest("GET", tt.path, nil), s, nil)
		if decision, err := x.Run(); decision != Pass || err != nil {
			t.Errorf("%s: %v, %v", tt.path, decision, err)
		}
		if got := fmt.Sprint(x.Upstreams()); got != tt.want {
			t.Errorf("%s: %s", tt.path, got)
		}
		x.End()
	}
	for _, tt := range []struct{ path, want string }{
		{"/schemes", `app.lua:8: ctx:upstream: the upstreams of a list have one scheme, these have "http" and ""`},
		{"/empty", "app.lua:9: ctx:upstream: a list names 1 to 16 upstreams, this one 0"},
		{"/none", "app.lua:10: bad argument #1 to upstream (upstream address expected, got nil)"},
		{"/bad", "app.lua:11: ctx:upstream: no good"},
	} {
		s.do(http.MethodGet+" "+tt.path, "")
		got := s.logged("script error")
		if message := got[len(got)-1].ContextMap()["error"]; message != tt.want {
			t.Errorf("%s: %s", tt.path, message)
		}
	}
}
