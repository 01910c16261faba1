package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/resilience"
)

// quick is a policy without waits.
func quick(attempts int) *resilience.Policy {
	p := resilience.DefaultPolicy()
	p.Attempts, p.Backoff, p.MaxBackoff = attempts, 0, 2*time.Second
	return &p
}

// failing is a server that answers 503 to its first n requests.
func failing(t *testing.T, n int64, header ...string) (address string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= n {
			for _, h := range header {
				name, value, _ := strings.Cut(h, ": ")
				w.Header().Set(name, value)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		b := make([]byte, 100)
		k, _ := r.Body.Read(b)
		fmt.Fprint(w, r.Method, " ", string(b[:k]))
	})
	return s.URL, asked
}

func TestRetryStatus(t *testing.T) {
	for _, test := range []struct {
		name, method string
		header       http.Header
		fails        int64
		answer       string
		policy       func(*resilience.Policy)
		want         string
		asked        int64
	}{
		{name: "in the end", method: "GET", fails: 2, want: "200 GET ", asked: 3},
		{name: "not in the end", method: "GET", fails: 3, want: "503 ", asked: 3},
		{name: "the body again", method: "PUT", fails: 1, want: "200 PUT body", asked: 2},
		{name: "a POST", method: "POST", fails: 1, want: "503 ", asked: 1},
		{name: "a POST with a key", method: "POST", header: http.Header{"Idempotency-Key": {"k"}}, fails: 1, want: "200 POST body", asked: 2},
		{name: "a POST that is named", method: "POST", fails: 1, want: "200 POST body", asked: 2, policy: func(p *resilience.Policy) { p.Methods = []string{"POST"} }},
		{name: "no such failure", method: "GET", fails: 1, want: "503 ", asked: 1, policy: func(p *resilience.Policy) { p.On = resilience.On{} }},
		{name: "Retry-After of now", method: "GET", fails: 1, answer: "Retry-After: 0", want: "200 GET ", asked: 2},
		{name: "Retry-After that is too long", method: "GET", fails: 1, answer: "Retry-After: 3", want: "503 ", asked: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, asked := failing(t, test.fails, test.answer)
			c := newClient(t, Options{})
			req := get(t, address)
			req.Method, req.Header, req.Retry = test.method, test.header, quick(3)
			if req.Method != "GET" {
				req.Body = "body"
			}
			if test.policy != nil {
				test.policy(req.Retry)
			}
			expect(t, fetch(t, c, req), test.want)
			if n := asked.Load(); n != test.asked {
				t.Errorf("asked %d times, want %d", n, test.asked)
			}
		})
	}
}

// A stream is returned when an attempt has its head.
func TestRetryStream(t *testing.T) {
	address, asked := failing(t, 1)
	c := newClient(t, Options{})
	req := get(t, address)
	req.Retry = quick(2)
	r, err := c.Start(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Status != 200 || asked.Load() != 2 {
		t.Errorf("status %d after %d", r.Status, asked.Load())
	}
}

// Waits end with the time of the request, and are not begun where they would not.
func TestRetryKeepsToTheTimeout(t *testing.T) {
	address, asked := failing(t, 9)
	c := newClient(t, Options{})
	req := get(t, address)
	req.Retry = quick(3)
	req.Retry.Backoff, req.Retry.MaxBackoff, req.Retry.Jitter = time.Minute, time.Minute, 0
	req.Timeout = 30 * time.Second
	expect(t, fetch(t, c, req), "503 ")
	req.Timeout = 0
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if r, _, err := c.Fetch(ctx, req); err != nil || r.Status != 503 {
		t.Error(r, err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
	left, leave := context.WithCancelCause(t.Context())
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		leave(errors.New("the client has left"))
	})
	req.URL, _ = url.Parse(s.URL)
	_, _, err := c.Fetch(left, req)
	expect(t, err.Error(), "cancelled: the client has left")
}

func TestRetryTryTimeout(t *testing.T) {
	var asked atomic.Int64
	came := make(chan struct{}, 10)
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			came <- struct{}{}
			<-r.Context().Done()
		}
	})
	hand := clock.New(time.Unix(1e9, 0), nil)
	c := newClient(t, Options{WithTimeout: hand.WithTimeout})
	req := get(t, s.URL)
	req.Retry = quick(2)
	req.Retry.TryTimeout = 200 * time.Millisecond
	slow := func(want string) {
		t.Helper()
		asked.Store(0)
		got := make(chan string, 1)
		go func() { got <- fetch(t, c, req) }()
		<-came
		hand.Advance(req.Retry.TryTimeout, nil)
		expect(t, <-got, want)
	}
	slow("timeout: an attempt of the request took longer than 200ms")
	if err := req.Retry.On.AddKind("timeout"); err != nil {
		t.Fatal(err)
	}
	slow("200 ")
}

// What has not been sent may be sent again, whatever the method; but not what has been sent to where
// a redirect came from.
func TestRetryUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + l.Addr().String()
	_ = l.Close()
	guard := resilience.NewGuard(nil, "test", zap.NewNop())
	c := newClient(t, Options{Guard: guard})
	req := get(t, dead)
	req.Method, req.Body, req.Retry = "POST", "body", quick(3)
	if got := fetch(t, c, req); !strings.HasPrefix(got, "connect: ") {
		t.Error(got)
	}
	if n := guard.Stats().Retried; n != 2 {
		t.Errorf("%d retries", n)
	}
	var asked atomic.Int64
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, dead, http.StatusTemporaryRedirect)
	})
	req.URL, _ = url.Parse(s.URL)
	req.Redirects = 1
	if got := fetch(t, c, req); !strings.HasPrefix(got, "connect: ") || asked.Load() != 1 {
		t.Errorf("%s, asked %d times", got, asked.Load())
	}
}

// slammed is a server that closes each connection as it comes.
func slammed(t *testing.T) (address string, connections *atomic.Int64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = new(atomic.Int64)
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
	return "http://" + l.Addr().String(), connections
}

// All requests fail, and all want three attempts: the connections are few more than the requests, and
// with a breaker hardly any.
func TestRetryStorm(t *testing.T) {
	const requests = 1000
	for _, breaks := range []bool{false, true} {
		address, connections := slammed(t)
		guard := resilience.NewGuard(nil, "test", zap.NewNop())
		c := newClient(t, Options{Guard: guard})
		p := quick(3)
		if err := p.On.AddKind("protocol"); err != nil {
			t.Fatal(err)
		}
		var s *resilience.Settings
		if breaks {
			settings := resilience.DefaultSettings()
			settings.Open = time.Hour
			s = &settings
		}
		var wg sync.WaitGroup
		var open atomic.Int64
		for range 10 {
			wg.Go(func() {
				for range requests / 10 {
					_, _, err := c.Fetch(t.Context(), &Request{Method: "GET", URL: get(t, address).URL, Retry: p, Breaker: s})
					var e *Error
					if errors.As(err, &e) && e.Step == StepBreaker {
						open.Add(1)
					}
				}
			})
		}
		wg.Wait()
		n := connections.Load()
		if !breaks && (n < requests || n > requests*13/10) {
			t.Errorf("%d connections for %d requests", n, requests)
		}
		if breaks && (n > 30 || open.Load() < requests-30) {
			t.Errorf("%d connections with a breaker, which has ended %d requests", n, open.Load())
		}
	}
}

func TestBreaker(t *testing.T) {
	address, asked := failing(t, 5)
	host := strings.TrimPrefix(address, "http://")
	guard := resilience.NewGuard(nil, "test", zap.NewNop())
	settings := resilience.DefaultSettings()
	settings.Open = time.Hour
	c := newClient(t, Options{Guard: guard})
	req := get(t, address)
	req.Breaker = &settings
	for range 5 {
		expect(t, fetch(t, c, req), "503 ")
	}
	_, _, err := c.Fetch(t.Context(), req)
	var open *resilience.OpenError
	if !errors.As(err, &open) || open.Name != host || open.RetryAfter() < 3000 || !strings.HasPrefix(err.Error(), "breaker open: "+host+" has failed too often, it is asked again in ") {
		t.Error(err)
	}
	// Another generation with the same guard.
	c2 := newClient(t, Options{Guard: guard})
	if got := fetch(t, c2, req); !strings.HasPrefix(got, "breaker open: ") {
		t.Error(got)
	}
	if n := asked.Load(); n != 5 {
		t.Errorf("asked %d times", n)
	}
	// One with a name of its own is another.
	named := settings
	named.Name = "other"
	req.Breaker = &named
	expect(t, fetch(t, c, req), "200 GET ")
}

// What says nothing of the host does not open its breaker: clients that leave, other statuses,
// addresses that are not allowed.
func TestBreakerIsNotOpenedBy(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-r.Context().Done()
		}
		w.WriteHeader(500)
	})
	guard := resilience.NewGuard(nil, "test", zap.NewNop())
	settings := resilience.DefaultSettings()
	c := newClient(t, Options{Guard: guard}, "127.0.0.1:"+port(s))
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(time.Millisecond, cancel)
		for url, ctx := range map[string]context.Context{s.URL + "/hang": ctx, s.URL: t.Context(), "http://127.0.0.9:" + port(s): t.Context()} {
			req := get(t, url)
			req.Breaker = &settings
			_, _, err := c.Fetch(ctx, req)
			var e *Error
			if errors.As(err, &e) && e.Step == StepBreaker {
				t.Fatal(err)
			}
		}
		stop.Stop()
		cancel()
	}
	for _, b := range guard.Stats().Breakers {
		if b.State != resilience.Closed || !strings.HasPrefix(b.Name, "127.0.0.1:") {
			t.Errorf("%+v", b)
		}
	}
}

// A redirect goes by the breaker of where it leads.
func TestBreakerOfRedirect(t *testing.T) {
	behind, asked := failing(t, 100)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, behind, http.StatusFound) })
	settings := resilience.DefaultSettings()
	c := newClient(t, Options{})
	req := get(t, s.URL)
	req.Breaker, req.Redirects = &settings, 1
	for range 5 {
		expect(t, fetch(t, c, req), "503 ")
	}
	if got := fetch(t, c, req); !strings.HasPrefix(got, "breaker open: "+strings.TrimPrefix(behind, "http://")) || asked.Load() != 5 {
		t.Errorf("%s, asked %d times", got, asked.Load())
	}
}

// A host without a listener opens its breaker.
func TestBreakerOfDeadHost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	settings := resilience.DefaultSettings()
	settings.Failures = 1
	c := newClient(t, Options{})
	req := get(t, "http://"+l.Addr().String())
	req.Breaker = &settings
	for _, want := range []string{"connect: ", "breaker open: "} {
		if got := fetch(t, c, req); !strings.HasPrefix(got, want) {
			t.Error(got)
		}
	}
}
