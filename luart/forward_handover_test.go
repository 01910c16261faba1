package luart

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/proxy"
)

const onward = `
	local api = rover.server {}
	function api.whole.any(ctx) return ctx:next() end
	function api.changed.any(ctx)
		local res = ctx:next()
		res.status = 201
		return res:set_header("X-Seen", res:header("X-Next")):remove_header("X-Next")
	end
	function api.read.any(ctx)
		local res = ctx:next()
		return { status = res.status, body = res:body():text(), len = res:body():len() }
	end
	function api.readsent.any(ctx) local res = ctx:next() res:body() return res end
	function api.readtwice.any(ctx)
		local res = ctx:next()
		local a, b = rover.parallel { function() return res:body():len() end, function() return res:body():len() end }
		return { a, b, res:body():len() }
	end
	function api.set.any(ctx) return ctx:next():set_body("other") end
	function api.failover.any(ctx)
		for _, to in ipairs { "a:1", "b:1", "c:1" } do
			local res = ctx:proxy(to)
			if res.status < 500 then return res:set_header("X-Tried", to) end
		end
		return ctx:next()
	end
	function api.failed.any(ctx) local res = ctx:proxy("down:1") rover.log.info(tostring(res.status) .. " " .. tostring(res.error)) return res end
	function api.both.any(ctx)
		local a, b = rover.parallel { function() return ctx:proxy("a:1") end, function() return ctx:proxy("b:1") end }
		return { a.status, b.status, b:body():text() }
	end
	function api.hedge.any(ctx)
		local begun = rover.channel("begun")
		rover.parallel {
			function() pcall(begun.send, begun, true) ctx:proxy("slow:1") end,
			function() begun:recv() ctx:proxy("b:1") error("enough") end,
		}
	end
	function api.guard.before.check(ctx) local res = ctx:next() if res.status == 200 then return res end end
	function api.raise.any(ctx) ctx:next() error("after that") end
	function api.drop.any(ctx) ctx:next() return "mine" end
	function api.nothing.any(ctx) ctx:proxy("a:1") return nil end
	function api.passed.any(ctx) ctx:proxy("reads:1") return api.pass() end
	function api.slow.any(ctx) ctx:proxy("slow:1") return "never" end
	function api.hook.get(ctx) return "x" end
	function api.after.late(ctx, res)
		if ctx.path == "/hook" then
			local ok, err = pcall(ctx.next, ctx)
			res:set_header("X-Error", err)
		end
		res:set_header("X-After", tostring(res.status))
	end
	return api`

// upstreams answers ctx:proxy by the name of the upstream.
func upstreams(s *server, slow chan<- string) {
	s.proxied = func(to *proxy.To, w http.ResponseWriter, r *http.Request) error {
		name, _, _ := strings.Cut(to.Upstreams[0], ":")
		switch name {
		case "a":
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(503)
			_, err := fmt.Fprintf(w, "a is ill %s", body)
			return err
		case "down", "c":
			return errors.New("nobody is there")
		case "slow":
			slow <- "asked"
			<-r.Context().Done()
			slow <- "cancelled"
			return r.Context().Err()
		case "cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
			panic(http.ErrAbortHandler)
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-From", name)
		_, err := fmt.Fprintf(w, "%s got %s", name, body)
		return err
	}
}

func TestHandOver(t *testing.T) {
	s := newServer(t, onward)
	upstreams(s, make(chan string, 10))
	for _, c := range []struct{ path, body, want string }{
		{"/whole", "hello", "200 POST /whole hello"},
		{"/changed", "hello", "201 POST /changed hello"},
		{"/read", "hello", `200 {"status":200,"body":"POST /read hello","len":16}`},
		{"/readsent", "hello", "200 POST /readsent hello"},
		{"/readtwice", "hello", "200 [21,21,21]"},
		{"/set", "hello", "200 other"},
		{"/failover", "hello", "200 b got hello"},
		{"/failed", "", "502 nobody is there\n"},
		{"/both", "hello", `200 [503,200,"b got hello"]`},
		{"/guard/x", "hello", "200 POST /guard/x hello"},
		{"/raise", "", `500 {"error":"internal error"}`},
		{"/drop", "", "200 mine"},
		{"/nothing", "hello", "204 "},
		{"/passed", "hello", "200 POST /passed hello"},
	} {
		for range 2 {
			w := s.do("POST "+c.path, c.body)
			if got := answer(w); got != c.want {
				t.Errorf("%s: got %q, want %q", c.path, got, c.want)
			}
			if got := w.Header().Get("X-After"); got == "" && c.path != "/passed" {
				t.Errorf("%s: no after hook ran", c.path)
			}
		}
	}
	w := s.do("POST /changed", "")
	if w.Header().Get("X-Seen") != "yes" || w.Header().Get("X-Next") != "" {
		t.Errorf("headers are %v", w.Header())
	}
	if w := s.do("GET /hook", ""); !strings.Contains(w.Header().Get("X-Error"), "there is a response already") {
		t.Errorf("headers are %v", w.Header())
	}
	if n := len(s.logged("502 nobody is there")); n != 2 {
		t.Errorf("the failure was seen %d times", n)
	}
}

// A client that leaves, and a timeout, end the upstream's request.
func TestHandOverIsCancelled(t *testing.T) {
	slow := make(chan string, 10)
	s := newServer(t, onward)
	upstreams(s, slow)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/slow", nil))
	}()
	if got := <-slow; got != "asked" {
		t.Fatal(got)
	}
	cancel()
	if got := <-slow; got != "cancelled" {
		t.Fatal(got)
	}
	<-served

	if err := s.load(onward, func(s *Script) { s.Timeout, s.Burst = 300*time.Millisecond, 300*time.Millisecond }); err != nil {
		t.Fatal(err)
	}
	if got := answer(s.do("GET /slow", "")); got != `504 {"error":"timeout"}` {
		t.Errorf("got %q", got)
	}
	if got := <-slow + <-slow; got != "askedcancelled" {
		t.Error(got)
	}
	if err := s.load(onward); err != nil {
		t.Fatal(err)
	}
	if got := answer(s.do("GET /hedge", "")); got != `500 {"error":"internal error"}` {
		t.Errorf("got %q", got)
	}
	if got := <-slow + <-slow; got != "askedcancelled" {
		t.Error(got)
	}
}

// A response that breaks off breaks off for the client too, and Lua cannot read it.
func TestHandOverCut(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.sent.get(ctx) return ctx:proxy("cut:1") end
		function api.read.get(ctx) local res = ctx:proxy("cut:1") return select(2, pcall(res.body, res)) end
		function api.kept.get(ctx) local res = ctx:proxy("cut:1") pcall(res.body, res) return res end
		return api`)
	upstreams(s, nil)
	for _, path := range []string{"/sent", "/kept"} {
		func() {
			defer func() {
				if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
					t.Errorf("%s: recovered %v", path, got)
				}
			}()
			t.Errorf("%s: got %q", path, answer(s.do("GET "+path, "")))
		}()
	}
	if got := answer(s.do("GET /read", "")); !strings.HasSuffix(got, "reading the response: the response broke off") {
		t.Errorf("got %q", got)
	}
}

// A body of up to max_body can be sent again; a longer one goes once.
func TestHandOverSendsTheBodyAgain(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.twice.post(ctx)
			local a, b = ctx:proxy("b:1"), ctx:proxy("b:1")
			return { a:body():len(), b.status, b.error or b:body():len() }
		end
		function api.once.post(ctx) return { ctx:proxy("b:1"):body():len() } end
		return api`, func(s *Script) { s.MaxBody = 1000 })
	s.proxied = func(to *proxy.To, w http.ResponseWriter, r *http.Request) error {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return err
		}
		_, err = w.Write([]byte(strings.Repeat("x", int(n/10))))
		return err
	}
	for size, want := range map[int]string{
		1000: `200 [100,200,100]`,
		1001: `200 [100,502,"the request body is longer than max_body (1000 bytes) and has been sent once"]`,
	} {
		if got := answer(s.do("POST /twice", strings.Repeat("b", size))); got != want {
			t.Errorf("%d bytes: got %q, want %q", size, got, want)
		}
	}
	if got := answer(s.do("POST /once", strings.Repeat("b", 9000))); got != `200 [900]` {
		t.Errorf("got %q", got)
	}
}

func TestHandOverLimits(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.many.get(ctx) for i = 1, 100 do ctx:next() end end
		function api.large.get(ctx) return ctx:next():body():len() end
		function api.gone.get(ctx) local res = ctx:next() res:set_body("x") return res:body():text() end
		return api`, func(s *Script) { s.MaxBody = 100 })
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 20 {
			_, _ = w.Write([]byte("0123456789"))
		}
	})
	s.expect("GET /many", `500 {"error":"internal error"}`)
	s.expect("GET /large", `500 {"error":"internal error"}`)
	s.expect("GET /gone", "200 x")
	errs := s.logged("script error")
	for i, want := range map[int]string{0: "64 times, the limit", 2: "the body is longer than max_body (100 bytes)"} {
		if got := errs[i].ContextMap()["error"].(string); !strings.Contains(got, want) {
			t.Errorf("logged %q", got)
		}
	}
}

// Lua reads a compressed body decoded; what is sent unchanged goes as it came, and what
// says something about the old bytes goes with them.
func TestHandOverDecodes(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.read.get(ctx) return ctx:next():body():text() end
		function api.sent.get(ctx) local res = ctx:next() res:body() return res end
		function api.set.get(ctx) local res = ctx:next() return res:set_body(res:body():text():upper()) end
		function api.cut.get(ctx) return select(2, pcall(function() return ctx:next():body() end)) end
		function api.bomb.get(ctx) return select(2, pcall(function() return ctx:next():body() end)) end
		return api`, func(s *Script) { s.MaxBody = 1000 })
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	_, _ = zw.Write([]byte("hello, hello, hello"))
	_ = zw.Close()
	var bomb bytes.Buffer
	zw = gzip.NewWriter(&bomb)
	_, _ = zw.Write(make([]byte, 1001))
	_ = zw.Close()
	var asked string
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Etag", `"1"`)
		data := packed.Bytes()
		switch r.URL.Path {
		case "/cut":
			data = data[:len(data)-9]
		case "/bomb":
			data = bomb.Bytes()
		}
		_, _ = w.Write(data)
	})
	for path, want := range map[string]string{
		"/read": "200 hello, hello, hello",
		"/set":  "200 HELLO, HELLO, HELLO",
		"/sent": "200 " + packed.String(),
		"/bomb": "200 app.lua:7: reading the response: the decoded body is longer than max_body (1000 bytes)",
	} {
		w := s.do("GET "+path, "", "Accept-Encoding: gzip, exotic")
		if got := answer(w); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
		if tagged := w.Header().Get("Etag") != "" && w.Header().Get("Content-Encoding") != ""; tagged != (path == "/sent") {
			t.Errorf("%s: headers %v", path, w.Header())
		}
	}
	if got := answer(s.do("GET /cut", "")); !strings.Contains(got, "reading the response: decoding gzip: the body ends too early") {
		t.Errorf("got %q", got)
	}
	s.do("GET /read", "", "Accept-Encoding: gzip, exotic")
	if asked != "gzip" {
		t.Errorf("the upstream was asked for %q", asked)
	}
}
