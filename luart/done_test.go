package luart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/eventloop"
)

// inDone is a script whose before counts up, and whose done hook counts down and says what it was
// told of the request.
const inDone = `
	local api = rover.server {}
	local open = 0
	function api.before.count(ctx)
		open = open + 1
		ctx:set("counted", true)
		if ctx:header("x-stop") then return api:error(403, "no") end
		if ctx:header("x-fail") then error("a broken guard") end
	end
	function api.done.count(ctx, s)
		if ctx:get("counted") then open = open - 1 end
		rover.log.info(table.concat({ ctx.method, ctx.path, s.status, s.outcome, s.aborted and "aborted" or "whole",
			s.bytes_in .. "/" .. s.bytes_out, s.route or "-", "open " .. open }, " "))
	end
	function api.ok.get() return "four" end
	function api.echo.post(ctx) return ctx:body():text() end
	function api.empty.get() end
	function api.fails.get() error("broken") end
	function api.taken.get() error { status = 409, message = "taken" } end
	function api.late.get() rover.sleep(3600) end
	function api.spins.get() while true do end end
	function api.sleeps.get(ctx) rover.sleep(3600) end
	function api.asks.get(ctx) return ctx:next() end
	function api.panics.get(ctx) return api.pass() end
	function api.after.x(ctx, res) if ctx.path == "/afterfails" then error("in after") end end
	function api.afterfails.get() return "x" end
	function api.pieces.get()
		local n = 0
		return api.stream(200, "text/plain", function() n = n + 1 if n < 3 then return "piece" end end)
	end
	function api.forever.get() return api.sse(function() rover.sleep(0) return "event" end) end
	`

// Whatever becomes of a request, its done hook runs once, when that is clear, and what a before
// hook has counted up is counted down.
func TestDoneRunsWhateverBecomesOfARequest(t *testing.T) {
	spins := strings.Replace(inDone, "while true do end", "while true do rover.vm.spend() end", 1)
	s := newServer(t, spins+"return api", withSpend, func(s *Script) { s.Timeout = 2 * time.Second }) // only for /late
	for _, c := range []struct{ request, headers, body, want string }{
		{"GET /ok", "", "", "GET /ok 200 answered whole 0/4 GET /ok open 0"},
		{"HEAD /ok", "", "", "HEAD /ok 200 answered whole 0/0 GET /ok open 0"},
		{"POST /echo", "", "hello", "POST /echo 200 answered whole 5/5 POST /echo open 0"},
		{"POST /unread", "X-Stop: 1", "hello", `POST /unread 403 answered whole 0/14 - open 0`},
		{"GET /empty", "", "", "GET /empty 204 answered whole 0/0 GET /empty open 0"},
		{"GET /fails", "", "", "GET /fails 500 failed whole 0/26 GET /fails open 0"},
		{"GET /taken", "", "", "GET /taken 409 answered whole 0/17 GET /taken open 0"},
		{"GET /afterfails", "", "", "GET /afterfails 500 failed whole 0/26 GET /afterfails open 0"},
		{"GET /x", "X-Stop: 1", "", "GET /x 403 answered whole 0/14 - open 0"},
		{"GET /x", "X-Fail: 1", "", "GET /x 500 failed whole 0/26 - open 0"},
		{"GET /late", "", "", "GET /late 504 timeout whole 0/19 GET /late open 0"},
		{"GET /spins", "", "", "GET /spins 500 failed whole 0/26 GET /spins open 0"},
		{"POST /next", "", "hello", "POST /next 200 passed whole 5/16 - open 0"},
		{"GET /asks", "", "", "GET /asks 200 passed whole 0/10 GET /asks open 0"},
		{"GET /pieces", "", "", "GET /pieces 200 answered whole 0/10 GET /pieces open 0"},
		{"OPTIONS /ok", "", "", "OPTIONS /ok 200 passed whole 0/12 - open 0"},
		{"GET /a%zz/../x", "", "", ""},
	} {
		if c.want == "" {
			continue
		}
		var headers []string
		if c.headers != "" {
			headers = []string{c.headers}
		}
		s.do(c.request, c.body, headers...)
		s.awaitLine(c.want)
	}
	if n := len(s.logged("done hook failed")); n != 0 {
		t.Errorf("%d done hooks failed", n)
	}
	s.expectNoDone()
}

// expectNoDone waits until no request is counted any more that has done hooks.
func (s *server) expectNoDone() {
	s.t.Helper()
	select {
	case <-s.vm.done.Idle():
	case <-time.After(20 * time.Second):
		s.t.Fatal("requests are open that have done hooks")
	}
}

// Where the response breaks off, the hook is told.
func TestDoneOfWhatBreaksOff(t *testing.T) {
	s := newServer(t, inDone+"return api")
	began := make(chan struct{})
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panics":
			panic("a handler behind")
		case "/cut":
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		default:
			began <- struct{}{}
			<-r.Context().Done()
		}
	})
	for _, c := range []struct{ path, want string }{
		{"/panics", "GET /panics 0 passed aborted 0/0 GET /panics open 0"},
		{"/cut", "GET /cut 200 passed aborted 0/4 - open 0"},
	} {
		if got := <-s.start("GET " + c.path); got != "cut" {
			t.Errorf("%s: %s", c.path, got)
		}
		s.awaitLine(c.want)
	}
	// The client leaves: while Lua waits, during ctx:next, during a plain pass, during a stream.
	p := s.beginWaiting("GET /sleeps")
	p.leave()
	s.awaitLine("GET /sleeps 499 cancelled aborted 0/26 GET /sleeps open 0")
	for _, c := range []struct{ path, want string }{
		{"/asks", "GET /asks 499 cancelled aborted 0/26 GET /asks open 0"},
		{"/elsewhere", "GET /elsewhere 200 passed aborted 0/0 - open 0"},
	} {
		p = s.begin("GET " + c.path)
		<-began
		p.leave()
		<-p.result
		s.awaitLine(c.want)
	}
	s.expectNoDone()
}

// Hooks belong to their node and everything below, by any reading of the path, and to where a
// before hook has rewritten the request. The innermost run first, the last defined before the
// first, and one that fails harms no other.
func TestDoneCoversAndOrder(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function say(name) return function(ctx) rover.log.info(name .. " " .. tostring(ctx:param("id"))) end end
		function api.before.go(ctx) if ctx:header("x-go") ~= "" then ctx:rewrite(ctx:header("x-go")) end end
		api.done.first = say("first")
		function api.done.broken(ctx, s) s.status = "changed" error("a broken hook") end
		function api.done.last(ctx, s) rover.log.info("last " .. s.status) end
		api.admin.done.inner = say("inner")
		api.admin.done = { table = say("table") }
		api.users.p_id.done.user = say("user")
		function api.admin.x.get(ctx) return "x" end
		return api`)
	for _, c := range []struct {
		target string
		go_    string
		want   []string
	}{
		{"/", "", []string{"last 200", "first nil"}},
		{"/admin/x", "", []string{"table nil", "inner nil", "last 200", "first nil"}},
		{"/%61dmin//x", "", []string{"table nil", "inner nil", "last 200", "first nil"}},
		{"/admin/unrouted", "", []string{"table nil", "inner nil", "last 200", "first nil"}},
		{"/users/7/posts", "", []string{"user 7", "last 200", "first 7"}},
		{"/x", "/admin/x", []string{"table nil", "inner nil", "last 200", "first nil"}},
	} {
		s.do("GET "+c.target, "", "X-Go: "+c.go_)
		for _, want := range c.want {
			for got := range s.lines {
				if got == "done hook failed" {
					continue
				}
				if got != want {
					t.Errorf("%s: %q, want %q", c.target, got, want)
				}
				break
			}
		}
	}
	failed := s.logged("done hook failed")
	if len(failed) != 6 {
		t.Fatalf("%d hooks failed", len(failed))
	}
	fields := failed[0].ContextMap()
	if fields["handler"] != "done broken at /" || fields["defined_at"] != "app.lua:6" || !strings.Contains(fmt.Sprint(fields["error"]), "app.lua:6: a broken hook") {
		t.Errorf("logged %v", fields)
	}
}

// A script that had routes at /done has them still: only functions that no route could have are
// hooks.
func TestDoneAndTheSegment(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.jobs.done.get() return "jobs that are done" end
		function api.jobs.done.p_id.get(ctx) return "job " .. ctx:param("id") end
		function api.done.get() return "all" end
		api.tasks = { done = { post = function() return "posted" end, log = function() rover.log.info("a task") end } }
		function api.done.before.guard(ctx) if ctx:query().stop then return api:error(403, "stop") end end
		function api.jobs.done.log(ctx) rover.log.info("a job " .. ctx.path) end
		assert(type(api.jobs.done.log) == "function" and api.jobs.done.p_id == api:at("/jobs/done").p_id)
		local was = api.jobs.done.log
		api.jobs.done.log = function(ctx, s) was(ctx) end
		api.lists.done = function() rover.log.info("a list") end
		return api`)
	s.expect("GET /jobs/done", "200 jobs that are done")
	s.expect("GET /jobs/done/7", "200 job 7")
	s.expect("GET /done", "200 all")
	s.expect("GET /done/x?stop=1", `403 {"error":"stop"}`)
	s.expect("POST /tasks/done", "200 posted")
	s.expect("GET /lists/x", "200 GET /lists/x ")
	s.awaitLines("a job /jobs/done", "a job /jobs/done", "a job /jobs/done/7", "a job /jobs/done/7",
		"a task", "a task", "a list", "a list")
	for source, want := range map[string]string{
		`api.done = 1`:                       "api.done must be a function or a table, not a number",
		`api.done.x = "y"`:                   "api.done.x must be a function or a table, not a string",
		`api:at("/done").x = function() end`: `api.done.x: "x" is not a method`,
		`api.done.ws = function() end`:       "WebSocket handlers in Lua are not available",
	} {
		if err := s.load("local api = rover.server {} " + source + " return api"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
	}
	var hooks []string
	for _, h := range s.gen.Hooks() {
		hooks = append(hooks, h.Kind+" "+h.Name+" "+h.Pattern)
	}
	if got := strings.Join(hooks, ", "); got != "before guard /done, done log /jobs, done done /lists, done log /tasks" {
		t.Errorf("hooks: %s", got)
	}
	if r := s.gen.Routes()[1]; r.Name() != "GET /jobs/done" || len(r.Done) != 1 || r.Done[0].Name != "log" {
		t.Errorf("route: %+v", r)
	}
}

// In a done hook ctx is a request that is over: what was known of its head is there, and what the
// script has kept; nothing that needs the request itself is.
func TestCtxInDone(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local kept
		function api.p_id.any(ctx) kept = ctx ctx:set("n", 7) ctx:set_header("X-Mine", "set") return api.pass() end
		function api.done.x(ctx, s)
			if ctx.path == "/b" then return end
			assert(not pcall(function() return kept.path end))
			kept = ctx
			assert(ctx:get("n") == 7) ctx:set("m", 8)
			assert(ctx:params().id == "a" and ctx:param("id") == "a")
			assert(ctx:query().q == "1" and ctx.uri == "/a?q=1" and ctx.path == "/a" and ctx.method == "POST" and ctx.host == "example.com")
			assert(ctx:cookie("c") == "v" and ctx:cookies().c == "v")
			assert(ctx:header("x-mine") == "set" and ctx:headers()["x-mine"] == "set" and ctx:header("x-behind") == nil)
			assert(ctx.client_ip == "192.0.2.1" and ctx.direct_remote_addr == "192.0.2.1" and ctx.scheme == "http")
			assert(ctx:request_id() == "id-1")
			ctx:log("a line")
			for _, name in ipairs { "body", "multipart", "next", "proxy", "mirror", "var", "set_var", "log_field", "set_header",
				"add_header", "remove_header", "set_method", "rewrite", "strip_prefix", "set_query", "set_host", "set_body", "upstream" } do
				local ok, err = pcall(function() return ctx[name](ctx, "x", "y") end)
				assert(not ok and err:find("ctx:" .. name .. " cannot be used in a done hook: the request is over", 1, true), name .. ": " .. tostring(err))
			end
			rover.log.info("checked")
		end
		function api.done.earlier(ctx) assert(ctx:get("m") == nil) rover.sleep(0) end
		function api.b.get() return tostring(pcall(function() return kept.path end)) end
		return api`)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // others change the request
		r.URL.Path, r.Method = "/elsewhere", "GET"
		r.Header.Set("X-Behind", "yes")
		r.Header.Set("X-Mine", "changed")
	})
	for range 2 {
		s.do("POST /a?q=1", "body", "Cookie: c=v", "X-Request-Id: id-1")
		s.awaitLine("checked")
		s.expectNoDone()
		s.once("GET /b", "200 false")
	}
	if n := len(s.logged("done hook failed")); n != 0 {
		t.Errorf("%v", s.logged("done hook failed"))
	}
}

// A done hook may wait. The client has its answer meanwhile, and the hook has a timeout of its own.
func TestDoneWaits(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get() return "answered" end
		function api.done.slow(ctx, s) rover.sleep(3600) end
		function api.done.quick(ctx, s) rover.log.info(s.upstream .. " " .. s.tries) end
		return api`, func(s *Script) { s.Timeout = 50 * time.Millisecond })
	s.upstream, s.tries = "10.0.0.1:80", 2
	s.expect("GET /", "200 answered")
	s.expect("GET /passed", "200 GET /passed ")
	s.awaitLines("done hook failed", "done hook failed", "done hook failed", "done hook failed", "done hook failed", "done hook failed",
		"10.0.0.1:80 2", "10.0.0.1:80 2")
	for _, l := range s.logged("done hook failed") {
		if m := fmt.Sprint(l.ContextMap()["error"]); !strings.Contains(m, "longer than its timeout") && !strings.Contains(m, "concat") {
			t.Error(m)
		}
	}
}

// The generation that has served a request runs its done hooks, also when it was replaced.
func TestDoneAfterReload(t *testing.T) {
	const script = `
		local api = rover.server {}
		function api.slow.get() rover.channel("go", 1):recv() return "served" end
		function api.done.x(ctx, s) rover.sleep(0) rover.log.info("done in version " .. rover.version) end
		return api`
	s := newServer(t, script, func(s *Script) { s.Version = 1 })
	old, lines := s.gen, s.lines
	p := s.beginWaiting("GET /slow")
	if err := s.load(script, func(s *Script) { s.Version = 2 }); err != nil {
		t.Fatal(err)
	}
	old.Stop(context.Background())
	old.cancel(errRetired) // the grace of its background work is over
	if err := s.release("go"); err != nil {
		t.Fatal(err)
	}
	p.expect("200 served")
	if got := <-lines; got != "done in version 1" {
		t.Error(got)
	}
}

// When the VM ends, requests that are cut have their done hooks, too. Those may not wait any more.
func TestDoneAtTheEnd(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.sleeps.get(ctx) rover.sleep(3600) end
		function api.done.sleeps(ctx, s)
			rover.log.info("begins " .. ctx.path .. " " .. s.outcome .. " " .. s.status)
			rover.sleep(3600)
		end
		return api`)
	s.vm.cleanupGrace = time.Hour
	p := s.beginWaiting("GET /sleeps")
	s.do("GET /quick", "")
	s.awaitLine("begins /quick passed 200")
	until(func() bool { return s.vm.Stats().Waiting == 2 })
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if cut := s.vm.Close(ended); cut != 2 {
		t.Errorf("%d were cut", cut)
	}
	p.expect(unavailable)
	s.awaitLines("done hook failed", "done hook failed", "begins /sleeps cancelled 503")
	if n := len(s.logged("done hooks have not run: the server has stopped")); n != 0 {
		t.Errorf("%d have not run", n)
	}
	if w := s.do("GET /ok", ""); w.Code != 503 {
		t.Error(answer(w))
	}
}

// Close ends waits and the loop, one after the other: a wait that ends between the two has no response.
func TestStopWhileNextWaits(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.w_rest.get(ctx)
			local ok, why = pcall(ctx.next, ctx)
			rover.log.info(tostring(ok) .. " " .. tostring(why))
			return ctx:next()
		end
		return api`)
	s.next = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	p := s.beginWaiting("GET /x")
	s.vm.stop()
	p.expect(unavailable)
	s.awaitLine("false app.lua:4: the server is stopping")
}

// What outlasts even that is said.
func TestDoneTooLate(t *testing.T) {
	s := newServer(t, inDone+"return api")
	s.vm.cleanupGrace = time.Millisecond
	began, leave := make(chan struct{}), make(chan struct{})
	s.next = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(began); <-leave })
	p := s.begin("GET /download")
	<-began
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if cut := s.vm.Close(ended); cut != 0 {
		t.Errorf("%d handlers were cut", cut)
	}
	if n := s.vm.DoneLeft(); n != 1 {
		t.Errorf("%d requests are left", n)
	}
	close(leave)
	<-p.result
	s.awaitLine("done hooks have not run: the server has stopped")
}

// Done hooks that do not end are bounded, and none is dropped for that: requests that would have
// more are refused, before anything of them has run.
func TestDoneBacklog(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local begun = 0
		function api.before.x() begun = begun + 1 end
		function api.done.x() begun = begun - 1 rover.channel("go", 1):recv() end
		api.on_stop = function() rover.log.info("begun " .. begun) end
		return api`, func(s *Script) { s.Timeout = 0 })
	s.vm.SetLimits(eventloop.Limits{MaxWaiting: 8})
	x := s.gen.Begin(httptest.NewRecorder(), newRequest("/"), s, s.next)
	served := 0
	for ; ; served++ {
		if served > 8 {
			t.Fatal("nothing is refused")
		}
		_, err := x.Run()
		if err != nil {
			if !errors.Is(err, ErrTooManyDone) && !errors.Is(err, eventloop.ErrTooManyWaiting) {
				t.Fatal(err)
			}
			break
		}
		x.Returned(nil)
		x.End()
		x = s.gen.Begin(httptest.NewRecorder(), newRequest("/"), s, s.next)
	}
	x.End()
	s.untilWaiting(served)
	s.closeChannel("go")
	s.expectNoDone()
}

// A done hook that uses up its burst over and over is not called for a while; others are.
func TestDoneInQuarantine(t *testing.T) {
	closed := FailClosed
	s := newServer(t, `
		local api = rover.server {}
		function api.done.fine(ctx) rover.log.info("fine") end
		function api.done.spins(ctx) while true do end end
		return api`, withBurst(30*time.Millisecond), func(s *Script) { s.Quarantine = &closed })
	for range 3 {
		s.expect("GET /x", "200 GET /x ")
	}
	s.awaitLines("fine", "fine", "fine", "fine", "fine", "fine")
	s.expectNoDone()
	if n := len(s.logged("handler is in quarantine: it was ended for its burst or memory over and over")); n == 0 || s.vm.quarantines.Load() != uint64(n) {
		t.Errorf("%d quarantines", s.vm.quarantines.Load())
	}
	kills := s.vm.kills.Load()
	s.expect("GET /x", "200 GET /x ")
	s.awaitLines("fine", "fine")
	s.expectNoDone()
	if s.vm.kills.Load() != kills {
		t.Error("it was called again")
	}
}
