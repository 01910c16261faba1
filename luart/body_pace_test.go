package luart

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// drip is a client that sends size bytes after each pause, so many times, and then nothing
// more, or the end. It is the writer, too: the deadline on reads ends what waits.
type drip struct {
	*httptest.ResponseRecorder
	pause time.Duration
	size  int
	times int
	ends  bool

	left     int // of what it has sent, not yet read
	once     *sync.Once
	deadline chan struct{}
}

// begin returns a drip that can be used.
func (d drip) begin() *drip {
	d.ResponseRecorder, d.once, d.deadline = httptest.NewRecorder(), new(sync.Once), make(chan struct{})
	return &d
}

func (d *drip) Read(p []byte) (int, error) {
	take := func() int {
		n := min(d.left, len(p))
		d.left -= n
		return copy(p, strings.Repeat("x", n))
	}
	pause := time.After(d.pause)
	switch {
	case d.left > 0:
		return take(), nil
	case d.times == 0 && d.ends:
		return 0, io.EOF
	case d.times == 0:
		pause = nil
	}
	select {
	case <-pause:
		d.times--
		d.left = d.size
		return take(), nil
	case <-d.deadline:
		return 0, errors.New("deadline")
	}
}

func (d *drip) Close() error { return nil }

func (d *drip) SetReadDeadline(t time.Time) error {
	if t.Before(time.Now()) {
		d.once.Do(func() { close(d.deadline) })
	}
	return nil
}

// A body that Lua waits for, in whatever way, must come at body_min_rate, but for ten
// seconds in all. What is faster makes up for what was slower.
func TestBodyMinRate(t *testing.T) {
	const kib = 1 << 10
	for name, c := range map[string]struct {
		drip
		rate  int64
		want  int
		after time.Duration // when it is answered
	}{
		"nothing comes":            {drip{times: 0}, kib, 408, 10 * time.Second},
		"one byte, then nothing":   {drip{pause: time.Second, size: 1, times: 1}, kib, 408, 10 * time.Second},
		"a byte each second":       {drip{pause: time.Second, size: 1, times: 100, ends: true}, kib, 408, 10 * time.Second},
		"half of the rate":         {drip{pause: time.Second, size: 500, times: 100, ends: true}, kib, 408, 18800 * time.Millisecond},
		"the rate":                 {drip{pause: time.Second, size: kib, times: 25, ends: true}, kib, 200, 25 * time.Second},
		"a pause that is too long": {drip{pause: 11 * time.Second, size: kib, times: 1, ends: true}, kib, 408, 10 * time.Second},
		"pauses that are made up":  {drip{pause: 9 * time.Second, size: 9 * kib, times: 3, ends: true}, kib, 200, 27 * time.Second},
		"credit has an end":        {drip{pause: 0, size: 100 * kib, times: 1}, kib, 408, 10 * time.Second},
		"another rate":             {drip{pause: time.Second, size: 1, times: 25, ends: true}, 1, 200, 25 * time.Second},
		"any rate":                 {drip{pause: time.Second, size: 1, times: 25, ends: true}, 0, 200, 25 * time.Second},
		"any rate, and a timeout":  {drip{times: 0}, 0, 504, 30 * time.Second},
	} {
		for _, read := range []string{"/body", "/next", "/proxied", "/parallel"} {
			after := c.after
			if c.want == 504 && (read == "/next" || read == "/proxied") {
				after += reqbody.UnwantedGrace // who reads there goes by the request's context, and nothing else
			}
			t.Run(name+read, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newServer(t, `
						local api = rover.server {}
						function api.body.post(ctx) return "read " .. (#ctx:body():text() > 0 and "all" or "") end
						function api.next.post(ctx) ctx:next() return "read all" end
						function api.proxied.post(ctx) ctx:proxy("10.0.0.1:80") return "read all" end
						function api.parallel.post(ctx)
							rover.parallel { function() ctx:body() end, function() ctx:body() end }
							return "read all"
						end
						return api`, func(s *Script) { s.BodyMinRate, s.MaxBody = c.rate, 1<<20 })
					s.proxied = func(_ *proxy.To, w http.ResponseWriter, r *http.Request) error {
						s.next.ServeHTTP(w, r)
						return nil
					}
					d := c.begin()
					began := time.Now()
					s.ServeHTTP(d, httptest.NewRequest(http.MethodPost, read, d))
					if took := time.Since(began); d.Code != c.want || took.Round(100*time.Millisecond) != after {
						t.Errorf("%d %s after %v, want %d after %v", d.Code, d.Body, took, c.want, after)
					}
					if d.Code == 408 && d.Body.String() != `{"error":"the request body came more slowly than body_min_rate"}` {
						t.Errorf("got %s", d.Body)
					}
					if n := s.logs.FilterMessage("script error").FilterLevelExact(2).Len(); c.want != 504 && n > 0 {
						t.Error("what a client does is logged as an error")
					}
				})
			})
		}
	}
}

// Who waits for a reader that is slow itself is not too slow.
func TestBodyMinRateOfASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, `
			local api = rover.server {}
			function api.post(ctx) return ctx:next() end
			return api`, func(s *Script) { s.BodyMinRate, s.Timeout = 1<<10, time.Hour })
		s.next = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for range 10 {
				time.Sleep(time.Minute)
				if _, err := r.Body.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
			}
		})
		if got := answer(s.do("POST /", "0123456789")); got != "200 " {
			t.Error(got)
		}
	})
}

// A body that is copied for ctx:mirror keeps the copy's place no longer than it may; the
// request goes on.
func TestMirrorOfASlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, `
			local api = rover.server {}
			function api.post(ctx) ctx:mirror("10.0.0.1:80") return api.pass() end
			return api`, func(s *Script) { s.BodyMinRate = 1 << 10 })
		d := drip{pause: time.Second, size: 1, times: 20, ends: true}.begin()
		served := make(chan struct{})
		go func() {
			defer close(served)
			s.ServeHTTP(d, httptest.NewRequest(http.MethodPost, "/", d))
		}()
		time.Sleep(11 * time.Second)
		if open, bytes := s.vm.mirrors.Kept(); open != 0 || bytes != 0 {
			t.Errorf("%d copies and %d bytes are kept", open, bytes)
		}
		<-served
		if want := "POST / " + strings.Repeat("x", 20); d.Code != 200 || d.Body.String() != want {
			t.Errorf("%d %s", d.Code, d.Body)
		}
	})
}

// The reader of a body may outlive the request, as a transport's does: by then the writer
// is not to be touched.
func TestSlowBodyAfterTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, `
			local api = rover.server {}
			function api.post(ctx) return ctx:next() end
			return api`, func(s *Script) { s.BodyMinRate = 1 << 10 })
		var reader sync.WaitGroup
		s.next = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			reader.Go(func() { _, _ = io.ReadAll(r.Body) })
		})
		d := drip{}.begin()
		w := &resetWriter{ResponseRecorder: d.ResponseRecorder, t: t}
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", d))
		w.returned.Store(true)
		time.Sleep(time.Minute)
		if n := w.deadline.Load(); n != 0 {
			t.Errorf("SetReadDeadline was called %d times", n)
		}
		d.once.Do(func() { close(d.deadline) })
		reader.Wait()
	})
}

// What net/http makes of it: over HTTP/1 the connection is closed behind the 408, over
// HTTP/2 the stream.
func TestSlowBodyOnTheWire(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.up.post(ctx) return #ctx:body():text() end
		function api.form.post(ctx) return #ctx:multipart() end
		function api.next.post(ctx) return ctx:next() end
		function api.guarded.before.x(ctx) local n = ctx:body():len() end
		function api.ping.get() return "pong" end
		function api.after.x(ctx, res) res:set_header("X-Seen", res.status) end
		return api`, func(s *Script) { s.BodyMinRate = 1 << 10 })
	s.vm.bodyGrace = 20 * time.Millisecond
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
	srv := httptest.NewUnstartedServer(s)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	for _, head := range []string{
		"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx",
		"POST /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxxx\r\n",
		"POST /next HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx",
		// Those who wait for the body until a 100, and send none after it.
		"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
		"POST /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
		"POST /guarded HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
		"POST /next HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
		"POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\nContent-Type: multipart/form-data; boundary=B\r\n\r\n--B\r\n",
	} {
		conn, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		// The next request on the connection must not be served.
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		var statuses []string
		for range 3 {
			resp, err := http.ReadResponse(r, &http.Request{Method: "POST"})
			if err != nil {
				break
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			if resp.StatusCode != 100 && !resp.Close {
				t.Errorf("%q: the connection is kept after %s", head, resp.Status)
			}
			if resp.StatusCode != 100 {
				statuses = append(statuses, resp.Status+" seen "+resp.Header.Get("X-Seen"))
				_, _ = io.WriteString(conn, "GET /ping HTTP/1.1\r\nHost: h\r\n\r\n")
			}
		}
		if got := strings.Join(statuses, ", "); got != "408 Request Timeout seen 408" {
			t.Errorf("%q: %s", head, got)
		}
		_ = conn.Close()
	}

	body, more := io.Pipe()
	go func() { _, _ = more.Write([]byte("x")) }()
	r, err := http.NewRequest(http.MethodPost, srv.URL+"/up", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); resp.Proto != "HTTP/2.0" || resp.StatusCode != 408 || err != nil {
		t.Errorf("%s %s %s %v", resp.Proto, resp.Status, answer, err)
	}
	_ = more.Close()
}

// Clients that never end their bodies take the places for bodies of one route, which are
// apart: other routes, guards and handlers that wait are served.
func TestBodiesWithoutEnd(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.slow.post(ctx) return #ctx:body():text() end
		function api.caught.post(ctx)
			local ok, err = pcall(ctx.body, ctx)
			return tostring(err)
		end
		function api.other.post(ctx) return ctx:body():text() end
		function api.ping.get(ctx) return "pong" end
		function api.waits.get(ctx) rover.sleep(0) return "waited" end
		function api.guarded.before.guard(ctx) rover.sleep(0) return api:error(401, "no") end
		return api`, func(s *Script) { s.BodyMinRate = 1 << 10 })
	core, logs := observer.New(zap.WarnLevel)
	s.vm.logger = zap.New(core)
	s.vm.SetLimits(eventloop.Limits{MaxWaiting: 8})
	ctx, leave := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	stall := func(path string) {
		clients.Go(func() {
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, resetBody{ctx})
			s.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	post := func(path, want string) {
		t.Helper()
		if got := answer(s.do("POST "+path, "text")); got != want {
			t.Errorf("POST %s: %s, want %s", path, got, want)
		}
	}
	for range 20 {
		stall("/slow")
	}
	until(func() bool {
		st := s.vm.Stats()
		return st.Receiving == 5 && st.Refused.Receiving == 15 && st.Waiting == 0
	})
	for range 2 {
		stall("/caught")
	}
	until(func() bool { return s.vm.Stats().Receiving == 7 })
	s.expect("GET /ping", "200 pong")
	s.expect("GET /waits", "200 waited")
	s.expect("GET /guarded/x", `401 {"error":"no"}`)
	post("/other", "200 text") // the first of its route
	post("/caught", "200 app.lua:5: too many request bodies are on their way")
	w := s.do("POST /slow", "text")
	if w.Code != 503 || w.Body.String() != `{"error":"overloaded"}` || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	if n := logs.FilterMessage("refusing requests").Len(); n == 0 || n > 5 {
		t.Errorf("the log says %d times that bodies are refused", n)
	}
	leave()
	clients.Wait()
	post("/slow", "200 4")
	if st := s.vm.Stats(); st.Receiving != 0 || st.InFlight != 0 {
		t.Errorf("at the end: %+v", st)
	}
}

// A length that a client only names takes no memory.
func TestNamedLengthTakesNoMemory(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.post(ctx) return #ctx:body():text() end
		return api`, func(s *Script) { s.MaxBody = 1 << 30 })
	srv := httptest.NewServer(s)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	before := heapInUse()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\nx"); err != nil {
		t.Fatal(err)
	}
	until(func() bool { return s.vm.Stats().Receiving == 1 })
	if grown := heapInUse() - before; grown > 100<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}
