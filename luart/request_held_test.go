package luart

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/proxy"
)

// gate is a handler whose responses end when the test says so.
type gate struct{ begun, end chan struct{} }

func newGate() gate { return gate{make(chan struct{}), make(chan struct{})} }

func (g gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write([]byte("first "))
	_ = http.NewResponseController(w).Flush()
	g.begun <- struct{}{}
	select {
	case <-g.end:
		_, _ = w.Write([]byte("last"))
	case <-r.Context().Done():
	}
}

// What a request has taken it holds until its response has ended, whoever sends that.
func TestPlacesAreHeldUntilTheResponseHasEnded(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function limit()
			if not rover.semaphore("up", 2):acquire(0) then return api:error(429, "busy") end
		end
		local routes = { "plain", "hook", "filtered", "following", "sent", "picks", "fails", "early", "late" }
		for _, name in ipairs(routes) do api[name].before.limit = limit end
		function api.plain.get() return api.pass() end
		function api.hook.get() return api.pass() end
		function api.hook.after.stamp(ctx, res) res:set_header("X-Seen", "1") end
		function api.filtered.get() return api.pass() end
		function api.filtered.after.stamp(ctx, res) res:on_chunk(function(s) return s end) end
		function api.following.get(ctx) return ctx:next() end
		function api.sent.get(ctx) return ctx:proxy("a:1") end
		function api.picks.get() return api.proxy(nil, { pick = function() return "a:1" end }) end
		function api.fails.get() error("boom") end
		function api.early.get() rover.semaphore("up", 2):release() return api.pass() end
		return api`, func(s *Script) { s.OnFailure = FailPass })
	g := newGate()
	s.next = g
	s.proxied = func(to *proxy.To, w http.ResponseWriter, r *http.Request) error {
		if to.Pick != nil {
			if _, err := to.Pick(r.Context(), 1, nil); err != nil {
				return err
			}
		}
		g.ServeHTTP(w, r)
		return nil
	}
	for _, path := range []string{"plain", "hook", "filtered", "following", "sent", "picks", "fails"} {
		t.Run(path, func(t *testing.T) {
			var two []*pending
			for range 2 {
				two = append(two, s.begin("GET /"+path))
				<-g.begun
			}
			for range 4 {
				s.once("GET /"+path, `429 {"error":"busy"}`)
			}
			g.end <- struct{}{}
			g.end <- struct{}{}
			for _, p := range two {
				p.expect("200 first last")
			}
			s.expectNoneInUse()

			p := s.begin("GET /" + path)
			<-g.begun
			p.leave()
			<-p.result
			s.expectNoneInUse()
		})
	}
	var three []*pending
	for range 3 { // released by the handler
		three = append(three, s.begin("GET /early"))
		<-g.begun
	}
	for range three {
		g.end <- struct{}{}
	}
	for _, p := range three {
		p.expect("200 first last")
	}
	s.expectNoneInUse()
}

// lateWriter is a client that takes nothing before the test says so.
type lateWriter struct {
	*httptest.ResponseRecorder
	gate
}

func (w lateWriter) Write(p []byte) (int, error) {
	w.begun <- struct{}{}
	<-w.end
	return w.ResponseRecorder.Write(p)
}

// An answer of Lua's own is a response, too.
func TestPlacesAreHeldWhileTheClientTakesAnAnswer(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.before.limit()
			if not rover.lock("l"):acquire(0) then return api:error(429, "busy") end
		end
		function api.get() return "answer" end
		function api.raise.get() error("boom") end
		function api.done.get() rover.lock("l"):release() return "answer" end
		return api`)
	for path, want := range map[string]string{
		"/": `429 {"error":"busy"}`, "/raise": `429 {"error":"busy"}`, "/done": "200 answer",
	} {
		w := lateWriter{httptest.NewRecorder(), newGate()}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		}()
		<-w.begun
		s.once("GET /done", want)
		w.end <- struct{}{}
		<-ended
		s.expectNoneInUse()
	}
}

// What cannot be had before the response has ended is not waited for by what it waits for.
func TestDeadlockWithTheRequestItself(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local l = rover.lock("l")
		local function try() local ok, err = pcall(l.acquire, l) return ok and "free" or err end
		function api.outer.before.take() l:acquire() end
		function api.outer.plain.get() return api.pass() end
		function api.outer.hook.get() return api.pass() end
		function api.outer.hook.after.stamp(ctx, res) res:set_header("X-Seen", "1") end
		function api.outer.following.get(ctx) return ctx:next() end
		function api.inner.get() return try() end
		function api.outer.pick.get(ctx)
			return api.proxy(nil, { pick = function() rover.state("s").said = try() return "a:1" end })
		end
		function api.outer.filter.get()
			return api.text("x"):on_chunk(function(s, last) return last and try() or nil end)
		end
		function api.said.get() return rover.state("s").said end
		return api`)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path = "/inner"
		s.ServeHTTP(w, r)
	})
	s.proxied = func(to *proxy.To, w http.ResponseWriter, r *http.Request) error {
		_, err := to.Pick(r.Context(), 1, nil)
		return err
	}
	const within = `200 deadlock: lock "l" is held by the request that this one goes on with (app.lua:5)`
	const below = `200 deadlock: lock "l" is held by the request that this function is for (app.lua:5)`
	for _, path := range []string{"plain", "hook", "following"} {
		if got := answer(s.do("GET /outer/"+path, "")); !strings.HasSuffix(got, within[4:]) {
			t.Errorf("%s: %s", path, got)
		}
	}
	s.do("GET /outer/pick", "")
	if got := answer(s.do("GET /said", "")); !strings.HasSuffix(got, below[4:]) {
		t.Errorf("pick: %s", got)
	}
	if got := answer(s.do("GET /outer/filter", "")); !strings.HasSuffix(got, below[4:]) {
		t.Errorf("filter: %s", got)
	}
	s.once("GET /inner", "200 free")
	s.expectNoneInUse()
}

// A circle through a pick: who waits for a request waits for its pick.
func TestDeadlockThroughAPick(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local x, y = rover.lock("x"), rover.lock("y")
		function api.picks.get()
			x:acquire()
			return api.proxy(nil, { pick = function() y:acquire() return "a:1" end })
		end
		function api.circle.get()
			y:acquire()
			rover.channel("go"):recv()
			return select(2, pcall(x.acquire, x))
		end
		function api.go.get() rover.channel("go"):send(true) return "ok" end
		return api`)
	s.proxied = func(to *proxy.To, w http.ResponseWriter, r *http.Request) error {
		if _, err := to.Pick(r.Context(), 1, nil); err != nil {
			return err
		}
		fmt.Fprint(w, "proxied")
		return nil
	}
	c := s.beginWaiting("GET /circle")
	p := s.begin("GET /picks")
	s.untilQueued(1)
	s.once("GET /go", "200 ok")
	if got := <-c.result; !strings.Contains(got, `deadlock: lock "x" is held by a handler that waits for lock "y"`) {
		t.Error(got)
	}
	p.expect("200 proxied")
	s.expectNoneInUse()
}

// A request that somebody else answers after End holds what it has taken until its context ends,
// and what answers it cannot wait for that.
func TestPlacesAreHeldWhileAnErrorIsAnsweredElsewhere(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local l = rover.lock("l")
		function api.fails.get() l:acquire() error { status = 404, message = "x", handle = true } end
		function api.page.get() return select(2, pcall(l.acquire, l)) end
		function api.wait.get() l:acquire() return "free" end
		return api`)
	answered := make(chan struct{})
	end := make(chan struct{})
	p := s.begin("GET /wait")
	p.expect("200 free")

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := s.gen.Begin(w, r, s, s.next)
		_, err := x.Run()
		held := x.AnswerElsewhere()
		x.End()
		if err != nil || held == nil {
			t.Error("nothing is held", err)
		}
		page := r.Clone(r.Context())
		page.URL.Path = "/page"
		x = s.gen.Begin(w, page, s, s.next)
		x.GoesOn(held)
		_, err = x.Run()
		err = errors.Join(err, x.Write(w))
		x.End()
		if err != nil {
			t.Error(err)
		}
		close(answered)
		<-end
	}))
	defer server.Close()
	body := make(chan string)
	go func() {
		res, err := http.Get(server.URL + "/fails")
		if err != nil {
			t.Error(err)
			body <- ""
			return
		}
		defer func() { _ = res.Body.Close() }()
		var b strings.Builder
		_ = res.Write(&b)
		body <- b.String()
	}()
	<-answered
	p = s.beginWaiting("GET /wait")
	close(end)
	p.expect("200 free")
	if got := <-body; !strings.Contains(got, `deadlock: lock "l" is held by the request that this one goes on with`) {
		t.Error(got)
	}
	s.expectNoneInUse()
	http.DefaultClient.CloseIdleConnections()
}
