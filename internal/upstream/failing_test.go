package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/reqbody"
	"github.com/caddy-rover/rover/luart/resilience"
)

// quick is a policy without waits.
func quick(attempts int) *resilience.Policy {
	p := resilience.DefaultPolicy()
	p.Attempts, p.Backoff = attempts, 0
	return &p
}

// failingAt is an upstream that answers a status to its first n requests, then as named does.
func failingAt(t testing.TB, status int, n int64, header ...string) (address string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if asked.Add(1) <= n {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			fmt.Fprint(w, "failed")
			return
		}
		fmt.Fprintf(w, "ok %s", body)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), asked
}

func TestRetry(t *testing.T) {
	p := testProxy(t, "")
	dead := refused(t)
	for _, c := range []struct {
		name, method, body string
		kept               bool // the body
		status             int  // of the first answers
		fails              int64
		header             []string
		before             []string // upstreams before the one that fails
		policy             *resilience.Policy
		want               string
		asked              int64
	}{
		{name: "in the end", method: "GET", status: 503, fails: 2, want: "200 ok ", asked: 3},
		{name: "its last answer", method: "GET", status: 503, fails: 3, want: "503 failed", asked: 3},
		{name: "another status", method: "GET", status: 500, fails: 1, want: "500 failed", asked: 1},
		{name: "POST", method: "POST", status: 503, fails: 1, want: "503 failed", asked: 1},
		{name: "POST with a body", method: "POST", body: "b", status: 503, fails: 1, want: "503 failed", asked: 1},
		{name: "PUT whose body is gone", method: "PUT", body: "b", status: 503, fails: 1, want: "503 failed", asked: 1},
		{name: "PUT whose body is kept", method: "PUT", body: "b", kept: true, status: 503, fails: 1, want: "200 ok b", asked: 2},
		{name: "POST that was not sent", method: "POST", body: "b", status: 503, before: []string{dead, dead}, want: "200 ok b", asked: 1},
		{name: "attempts end before the list", method: "GET", status: 503, before: []string{dead, dead, dead}, want: "502 ", asked: 0},
		{name: "Retry-After that is too long", method: "GET", status: 503, fails: 1, header: []string{"Retry-After", "3"}, want: "503 failed", asked: 1},
		{name: "one attempt", method: "GET", status: 503, fails: 1, policy: quick(1), want: "503 failed", asked: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, asked := failingAt(t, c.status, c.fails, c.header...)
			w := httptest.NewRecorder()
			var body io.Reader = strings.NewReader(c.body)
			if c.kept {
				body = &again{Reader: body, data: c.body}
			}
			r := caddyenv.Prepare(httptest.NewRequest(c.method, "http://site.example/", body), w)
			r.ContentLength = int64(len(c.body))
			if c.body == "" {
				r.Body = http.NoBody
			}
			policy := c.policy
			if policy == nil {
				policy = quick(3)
			}
			err := p.Serve(w, r, nil, NewTarget(&luart.ProxyTo{Upstreams: append(c.before, address), Retry: policy}))
			if got := outcome(w, err); got != c.want || asked.Load() != c.asked {
				t.Errorf("%s, asked %d times; want %s, %d", got, asked.Load(), c.want, c.asked)
			}
		})
	}
}

// outcome is the status and body that a client would get.
func outcome(w *httptest.ResponseRecorder, err error) string {
	var herr caddyhttp.HandlerError
	if errors.As(err, &herr) {
		return fmt.Sprint(herr.StatusCode, " ")
	}
	return fmt.Sprint(w.Code, " ", w.Body)
}

// An answer that is to be tried again goes to the next upstream of a list, and not to the first.
func TestRetryGoesOnInTheList(t *testing.T) {
	p := testProxy(t, "")
	a, askedA := failingAt(t, 502, 9)
	b, askedB := failingAt(t, 502, 1)
	status, body, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{a, b}, Retry: quick(4)})
	if status != 200 || body != "ok " || askedA.Load() != 2 || askedB.Load() != 2 {
		t.Errorf("%d %s after %d and %d", status, body, askedA.Load(), askedB.Load())
	}
}

// The proxy block has the last word on how often.
func TestRetryKeepsToTheProxyBlock(t *testing.T) {
	for _, block := range []string{`{"load_balancing":{"retries":1}}`, `{"load_balancing":{"retries":9,"try_duration":1}}`} {
		a, asked := failingAt(t, 503, 9)
		status, body, _ := request(t, testProxy(t, block), "GET", "", luart.ProxyTo{Upstreams: []string{a}, Retry: quick(5)})
		if status != 503 || body != "failed" || asked.Load() > 2 {
			t.Errorf("%s: %d %s after %d", block, status, body, asked.Load())
		}
	}
}

func breakerOf(failures int) *resilience.Settings {
	s := resilience.DefaultSettings()
	s.Failures, s.Open = failures, time.Hour
	return &s
}

func TestBreaker(t *testing.T) {
	p := testProxy(t, "")
	guard := resilience.NewGuard(nil, "test", zap.NewNop())
	a, askedA := failingAt(t, 503, 2)
	to := luart.ProxyTo{Upstreams: []string{a}, Breaker: breakerOf(2), Guard: guard}
	serve := func(to luart.ProxyTo) (string, *httptest.ResponseRecorder) {
		w := httptest.NewRecorder()
		r := caddyenv.Prepare(httptest.NewRequest("POST", "http://site.example/", http.NoBody), w)
		return outcome(w, p.Serve(w, r, nil, NewTarget(&to))), w
	}
	for range 2 {
		if got, _ := serve(to); got != "503 failed" {
			t.Fatal(got)
		}
	}
	got, w := serve(to)
	if got != "503 " || w.Header().Get("Retry-After") != "3600" || askedA.Load() != 2 {
		t.Errorf("%s, Retry-After %q, asked %d times", got, w.Header().Get("Retry-After"), askedA.Load())
	}
	// With another upstream the open one is not asked, wherever it stands.
	b, askedB := failingAt(t, 503, 0)
	for _, list := range [][]string{{a, b}, {b, a}, {a, a, b}} {
		to.Upstreams = list
		if got, w := serve(to); got != "200 ok " || w.Header().Get("Retry-After") != "" {
			t.Errorf("%v: %s", list, got)
		}
	}
	if askedA.Load() != 2 || askedB.Load() != 3 {
		t.Errorf("asked %d and %d times", askedA.Load(), askedB.Load())
	}
	if s := guard.Stats(); s.Refused != 1 || s.Changes["open"] != 1 {
		t.Errorf("%+v", s)
	}
}

// A list whose upstreams are all down ends with the error of the last one that was asked.
func TestBreakerOpensMeanwhile(t *testing.T) {
	p := testProxy(t, "")
	guard := resilience.NewGuard(nil, "test", zap.NewNop())
	list := []string{refused(t), refused(t)}
	for i, want := range []int{502, 503} {
		status, _, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: list, Breaker: breakerOf(1), Retry: quick(9), Guard: guard})
		if status != want {
			t.Errorf("request %d: %d, want %d", i, status, want)
		}
	}
}

// A client that leaves the trial of a half-open breaker frees its place.
func TestBreakerTrialAborted(t *testing.T) {
	p := testProxy(t, "")
	guard := resilience.NewGuard(nil, "test", zap.NewNop())
	settings := breakerOf(1)
	settings.Open = resilience.MinOpen
	var mode atomic.Value // what the upstream does
	mode.Store("fail")
	came := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch mode.Load() {
		case "fail":
			w.WriteHeader(503)
		case "hang":
			came <- struct{}{}
			<-r.Context().Done()
		}
	}))
	t.Cleanup(s.Close)
	to := luart.ProxyTo{Upstreams: []string{s.Listener.Addr().String()}, Breaker: settings, Guard: guard}
	status, _, _ := request(t, p, "GET", "", to)
	if status != 503 || guard.Stats().Breakers[0].State != resilience.Open {
		t.Fatal(status, guard.Stats())
	}
	mode.Store("hang")
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	settings.Open = time.Hour // from now on: a trial would keep others out for that long
	go func() {
		defer close(done)
		for guard.Stats().Breakers[0].State == resilience.Open && ctx.Err() == nil {
			w := httptest.NewRecorder()
			r := caddyenv.Prepare(httptest.NewRequest("GET", "http://site.example/", nil).WithContext(ctx), w)
			_ = p.Serve(w, r, nil, NewTarget(&to))
		}
	}()
	<-came
	if status, _, _ := request(t, p, "GET", "", to); status != 503 {
		t.Errorf("a second trial: %d", status)
	}
	mode.Store("ok")
	leave()
	<-done
	if status, _, _ := request(t, p, "GET", "", to); status != 200 {
		t.Errorf("the place of a trial whose client has left is not free: %d", status)
	}
	if s := guard.Stats().Breakers[0].State; s != resilience.Closed {
		t.Error(s)
	}
}

// A client that sends no whole body does not open a breaker, and frees the place of a trial. It is not
// asked for another one.
func TestBreakerBrokenBody(t *testing.T) {
	p := testProxy(t, "")
	for _, wrong := range []error{
		errors.New("malformed chunked encoding"), io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, &http.MaxBytesError{Limit: 1},
	} {
		guard := resilience.NewGuard(nil, "test", zap.NewNop())
		settings := breakerOf(1)
		fails := new(atomic.Bool)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if fails.Load() {
				w.WriteHeader(503)
			}
		}))
		t.Cleanup(s.Close)
		to := luart.ProxyTo{Upstreams: []string{s.Listener.Addr().String()}, Breaker: settings, Guard: guard, Retry: quick(3)}
		spoil := func() {
			w := httptest.NewRecorder()
			body := io.MultiReader(strings.NewReader("abcde"), iotest.ErrReader(wrong))
			r := caddyenv.Prepare(httptest.NewRequest("PUT", "http://site.example/", body), w)
			r.ContentLength = -1
			caddyhttp.SetVar(r.Context(), reqbody.UploadVar, reqbody.Watch(r))
			target := NewTarget(&to)
			if err := p.Serve(w, r, nil, target); err == nil || target.asked > 1 {
				t.Errorf("%v: %v, asked %d times", wrong, err, target.asked)
			}
		}
		spoil()
		if status, _, _ := request(t, p, "GET", "", to); status != 200 {
			t.Errorf("%v: the next one gets %d", wrong, status)
		}
		fails.Store(true)
		settings.Open = resilience.MinOpen
		if status, _, _ := request(t, p, "POST", "", to); status != 503 {
			t.Fatal(status)
		}
		fails.Store(false)
		settings.Open = time.Hour // from now on: a trial would keep others out for that long
		breaker := func() resilience.State { return guard.Stats().Breakers[0].State }
		for breaker() == resilience.Open {
			spoil()
		}
		if state := breaker(); state != resilience.HalfOpen {
			t.Fatal(state)
		}
		if status, _, _ := request(t, p, "GET", "", to); status != 200 || breaker() != resilience.Closed {
			t.Errorf("%v: the trial is not free: %d, %v", wrong, status, breaker())
		}
	}
}

// A client that sends its body too slowly for the timeout opens no breaker: it says nothing about the
// upstream.
func TestBreakerSlowClient(t *testing.T) {
	for name, waits := range map[string]bool{"for the client": true, "for the upstream": false} {
		p := testProxy(t, "")
		clk := clock.New(time.Now(), nil)
		clk.Begin(1)
		body, client := io.Pipe()
		w := httptest.NewRecorder()
		r := caddyenv.Prepare(httptest.NewRequest("PUT", "http://site.example/", body), w)
		r.ContentLength = 10
		upload := reqbody.Watch(r)
		caddyhttp.SetVar(r.Context(), reqbody.UploadVar, upload)
		transport := p.handler.Transport.(*headTransport)
		transport.clock = clk
		p.forward = nil // it would not ask the transport
		transport.RoundTripper = roundTripFunc(func(req *http.Request) (*http.Response, error) {
			read := make(chan struct{})
			if waits {
				go func() {
					_, _ = io.Copy(io.Discard, req.Body)
					close(read)
				}()
				for !upload.Awaited() {
					runtime.Gosched()
				}
			} else {
				close(read)
			}
			clk.Sleep(t.Context(), time.Hour)
			<-req.Context().Done()
			client.Close()
			<-read
			return nil, context.Cause(req.Context())
		})
		guard := resilience.NewGuard(nil, "test", zap.NewNop())
		to := luart.ProxyTo{Upstreams: []string{"10.0.0.5:80"}, Breaker: breakerOf(1), Guard: guard, Timeout: 1}
		if err := p.Serve(w, r, nil, NewTarget(&to)); err == nil {
			t.Errorf("%s: no error", name)
		}
		if open := guard.Stats().Breakers[0].State == resilience.Open; open == waits {
			t.Errorf("a try that waited %s: the breaker is open: %v", name, open)
		}
	}
}

// A try waits before it is made, and not any more when the client has left.
func TestRetryClientLeaves(t *testing.T) {
	p := testProxy(t, "")
	ctx, leave := context.WithCancel(t.Context())
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(503)
		leave()
	}))
	t.Cleanup(s.Close)
	policy := quick(3)
	policy.Backoff, policy.MaxBackoff, policy.Jitter = time.Hour, time.Hour, 0
	w := httptest.NewRecorder()
	r := caddyenv.Prepare(httptest.NewRequest("GET", "http://site.example/", nil).WithContext(ctx), w)
	err := p.Serve(w, r, nil, NewTarget(&luart.ProxyTo{Upstreams: []string{s.Listener.Addr().String()}, Retry: policy}))
	if w.Code != 499 || err != nil || asked.Load() != 1 {
		t.Errorf("%d, %v, asked %d times", w.Code, err, asked.Load())
	}
}

// Of a thousand requests to an upstream that is down, retries make few more.
func TestRetryStorm(t *testing.T) {
	p := testProxy(t, `{"transport":{"protocol":"http","keep_alive":{"enabled":false}}}`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	policy := quick(3)
	if err := policy.On.AddKind("protocol"); err != nil {
		t.Fatal(err)
	}
	const requests = 1000
	for _, breaker := range []*resilience.Settings{nil, breakerOf(5)} {
		connections.Store(0)
		to := luart.ProxyTo{
			Upstreams: []string{l.Addr().String()}, Retry: policy, Breaker: breaker,
			Guard: resilience.NewGuard(nil, "test", zap.NewNop()),
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range requests / 10 {
					if status, _, _ := request(t, p, "GET", "", to); status != 502 && status != 503 {
						t.Error(status)
					}
				}
			})
		}
		wg.Wait()
		switch n := connections.Load(); {
		case breaker == nil && (n < requests || n > requests*13/10):
			t.Errorf("%d connections for %d requests", n, requests)
		case breaker != nil && n > 30:
			t.Errorf("%d connections with a breaker", n)
		}
	}
}

// pick is told of an open breaker as of an upstream that has failed.
func TestBreakerWithPick(t *testing.T) {
	p := testProxy(t, "")
	guard := resilience.NewGuard(nil, "test", zap.NewNop())
	dead, b := refused(t), named(t, "b")
	_, _, _ = request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{dead}, Breaker: breakerOf(1), Guard: guard})
	var told []string
	serve := func(list ...string) string {
		w := httptest.NewRecorder()
		r := caddyenv.Prepare(httptest.NewRequest("GET", "http://site.example/", http.NoBody), w)
		err := p.Serve(w, r, nil, NewTarget(&luart.ProxyTo{Breaker: breakerOf(1), Guard: guard, Pick: func(_ context.Context, n int, last *luart.TryError) (string, error) {
			if last != nil {
				told = append(told, fmt.Sprint(n, " ", last.Upstream == dead, " ", strings.HasPrefix(last.Message, "breaker open: "+dead), " ", last.Status))
			}
			if n > len(list) {
				return "", nil
			}
			return list[n-1], nil
		}}))
		return outcome(w, err) + w.Header().Get("Retry-After")
	}
	if got := serve(dead, b); got != "200 b  <nil>" {
		t.Error(got)
	}
	if got := serve(dead, dead); got != "503 3600" {
		t.Error(got)
	}
	if got := strings.Join(told, "; "); got != "2 true true 0; 2 true true 0; 3 true true 0" {
		t.Error(got)
	}
}
