package upstream

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

// echoing is an upstream that answers with the request as it came.
func echoing(t testing.TB) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header()["X-Kept"] = []string{"a", "b"}
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set("X-Secret", "s")
		w.Header()["Date"] = nil
		fmt.Fprintf(w, "%s %s %s %v %v %q", r.Method, r.URL, r.Host, r.Header, r.TransferEncoding, body)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// The short way and the reverse proxy answer the same, and send the same to the upstream. Requests that
// are not plain go to the reverse proxy.
func TestForward(t *testing.T) {
	up := echoing(t)
	for _, c := range []struct {
		name   string
		block  string
		change func(r *http.Request)
		to     luart.ProxyTo
		other  bool // it is not plain
	}{
		{name: "plain"},
		{name: "POST", change: func(r *http.Request) { setBody(r, "POST", "payload", 7) }},
		{name: "empty POST", change: func(r *http.Request) { r.Method = "POST" }},
		{name: "GET that may have a body", change: func(r *http.Request) { setBody(r, "GET", "", -1) }},
		{name: "GET that has one", change: func(r *http.Request) { setBody(r, "GET", "payload", -1) }},
		{name: "POST of unknown length", change: func(r *http.Request) { setBody(r, "POST", "payload", -1) }, other: true},
		{name: "announced trailers", change: func(r *http.Request) { r.Trailer = http.Header{"X": nil} }, other: true},
		{name: "HTTP/3", change: func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/3.0", 3, 0 }},
		{name: "HTTP/1.0 without Host", change: func(r *http.Request) { r.Host, r.ProtoMinor = "", 0 }},
		{name: "hop by hop", change: headersOf("Keep-Alive: 1", "Proxy-Authorization: x", "TE: gzip", "Proxy-Connection: keep-alive", "Trailer: X", "Alt-Svc: y", "Connection: keep-alive")},
		{name: "TE", change: headersOf("TE: trailers, gzip", "Connection: close")},
		{name: "others hop by hop", change: headersOf("Connection: X-Mine", "X-Mine: 1"), other: true},
		{name: "a header named by close", change: headersOf("Connection: close", "Close: 1"), other: true},
		{name: "upgrade", change: headersOf("Upgrade: h2c"), other: true},
		{name: "expect", change: headersOf("Expect: 100-continue"), other: true},
		{name: "incremental", change: headersOf("Incremental: ?1"), other: true},
		{name: "forwarded before", change: headersOf("X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: evil", "Via: 1.0 fred")},
		{name: "forwarded by one trusted", block: `{"trusted_proxies": ["192.0.2.0/24"]}`, change: headersOf("X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: a", "X-Forwarded-Host: b")},
		{name: "forwarded by one not trusted", block: `{"trusted_proxies": ["192.0.3.1"]}`, change: headersOf("X-Forwarded-For: 1.1.1.1")},
		{name: "not to be forwarded", change: func(r *http.Request) { r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"] = nil, nil }},
		{name: "from a unix socket", change: func(r *http.Request) { r.RemoteAddr = "@"; r.Header.Set("X-Forwarded-For", "1.1.1.1") }},
		{name: "from nowhere", change: func(r *http.Request) { r.RemoteAddr = "x"; r.Header.Set("X-Forwarded-Host", "evil") }},
		{name: "with a zone", change: func(r *http.Request) { r.RemoteAddr = "[fe80::1%eth0]:1" }},
		{name: "header_up", block: `{"headers": {"request": {"add": {"X-More": ["{http.reverse_proxy.upstream.host}"]}, "set": {"Host": ["up.example"]}, "delete": ["Accept"], "replace": {"X-Old": [{"search": "a", "replace": "b"}]}}}}`, change: headersOf("X-More: x", "Accept: y", "X-Old: aa")},
		{name: "header_up that upgrades", block: `{"headers": {"request": {"set": {"Upgrade": ["x"]}}}}`, other: true},
		{name: "header_down", block: `{"headers": {"response": {"set": {"X-Status": ["{http.reverse_proxy.status_code}"]}, "delete": ["X-Secret"], "add": {"X-Kept": ["c"]}}}}`},
		{name: "header_down of others", block: `{"headers": {"response": {"require": {"status_code": [5]}, "set": {"X-Status": ["x"]}}}}`},
		{name: "headers of the script", to: luart.ProxyTo{Header: http.Header{"X-Forwarded-For": {"9.9.9.9"}, "X-Given": {"1"}}, Host: "given", Path: "/p?x=1"}},
		{name: "a timeout", to: luart.ProxyTo{Timeout: 60}},
		{name: "flush_interval", block: `{"flush_interval": -1}`, other: true},
		{name: "retries of the block", block: `{"load_balancing": {"retries": 1}}`, other: true},
		{name: "health checks", block: `{"health_checks": {"passive": {"fail_duration": 1000000000}}}`, other: true},
		{name: "buffers", block: `{"request_buffers": 100}`, other: true},
		{name: "rewrite", block: `{"rewrite": {"uri": "/r"}}`, other: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testProxy(t, c.block)
			c.to.Upstreams = []string{up}
			ask := func() (answered, bool) {
				r := httptest.NewRequest("GET", "http://site.example/a%2Fb?q=1", nil)
				if c.change != nil {
					c.change(r)
				}
				was := r.Header.Clone()
				w := httptest.NewRecorder()
				r = caddyenv.Prepare(r, w)
				to := NewTarget(&c.to)
				if err := p.Serve(w, r, nil, to); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(r.Header, was) {
					t.Errorf("the client's headers were %v, are %v", was, r.Header)
				}
				return answered{w.Code, w.Body.String(), w.Header(), placeholdersOf(r)}, to.told != nil && !to.told.hidden
			}
			got, short := ask()
			if short == c.other {
				t.Errorf("the short way: %v", short)
			}
			p.forward = nil
			want, _ := ask()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %+v\nwant %+v", got, want)
			}
		})
	}
}

// Of an answer of unknown length without a type none is guessed, however its body comes.
func TestForwardGuessesNoType(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n0\r\n\r\n")
			c.Close()
		}
	}()
	p := testProxy(t, "")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.Serve(w, caddyenv.Prepare(r, w), nil, NewTarget(&luart.ProxyTo{Upstreams: []string{l.Addr().String()}})); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	for range 20 {
		resp, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if kind, ok := resp.Header["Content-Type"]; ok || string(body) != "<html>" {
			t.Fatalf("%q %q", kind, body)
		}
	}
}

type answered struct {
	status       int
	body         string
	header       http.Header
	placeholders string
}

// placeholdersOf says what the placeholders of a proxied request are, but for times, of which it says the
// type.
func placeholdersOf(r *http.Request) string {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	var b strings.Builder
	for _, name := range []string{
		"upstream.address", "upstream.hostport", "upstream.host", "upstream.port", "upstream.requests",
		"upstream.max_requests", "upstream.fails", "retries", "status_code", "status_text", "header.X-Kept",
		"header.Keep-Alive", "header.X-Secret", "header.X-None", "none",
	} {
		v, ok := repl.Get(placeholderPrefix + name)
		fmt.Fprintf(&b, "%s: %T %v %v\n", name, v, v, ok)
	}
	for _, name := range []string{"upstream.latency", "upstream.latency_ms", "upstream.duration", "upstream.duration_ms", "duration", "duration_ms"} {
		v, ok := repl.Get(placeholderPrefix + name)
		fmt.Fprintf(&b, "%s: %T %v\n", name, v, ok)
	}
	return b.String()
}

func setBody(r *http.Request, method, body string, length int64) {
	r.Method, r.Body, r.ContentLength = method, io.NopCloser(strings.NewReader(body)), length
}

func headersOf(lines ...string) func(*http.Request) {
	return func(r *http.Request) {
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Add(name, value)
		}
	}
}

// Failures have the same status and text, and as many tries.
func TestForwardFails(t *testing.T) {
	up, dead := echoing(t), refused(t)
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(broken.Close)
	cut := broken.Listener.Addr().String()
	for name, to := range map[string]luart.ProxyTo{
		"dead":             {Upstreams: []string{dead}},
		"cut":              {Upstreams: []string{cut}},
		"dead, then alive": {Upstreams: []string{dead, up}},
		"cut, then alive":  {Upstreams: []string{cut, up}},
		"all dead":         {Upstreams: []string{dead, dead, dead}},
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(name+" "+method, func(t *testing.T) {
				p := testProxy(t, "")
				ask := func() string {
					r := httptest.NewRequest(method, "http://site.example/", nil)
					w := httptest.NewRecorder()
					r = caddyenv.Prepare(r, w)
					err := p.Serve(w, r, nil, NewTarget(&to))
					herr, _ := err.(caddyhttp.HandlerError) //nolint:errorlint // as the reverse proxy returns it
					text := ""
					if herr.Err != nil {
						_, text, _ = strings.Cut(herr.Err.Error(), ": ") // no ports of ours
					}
					address, tries := Asked(r.Context())
					return fmt.Sprintf("%d %d %s %T, %s asked %d times", w.Code, herr.StatusCode, text, herr.Err, address, tries)
				}
				got := ask()
				p.forward = nil
				if want := ask(); got != want {
					t.Errorf("\n got %s\nwant %s", got, want)
				}
			})
		}
	}
}

// Requests are counted where the reverse proxy counts, while they are under way.
func TestForwardCounts(t *testing.T) {
	asked, let := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-let
	}))
	t.Cleanup(s.Close)
	p := testProxy(t, "")
	var all sync.WaitGroup
	const n = 3
	for range n {
		all.Go(func() {
			if status, _, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{s.Listener.Addr().String()}}); status != 200 {
				t.Errorf("status %d", status)
			}
		})
	}
	for range n {
		<-asked
	}
	if got := countOf(t, s.Listener.Addr().String()); got != n {
		t.Errorf("%d requests under way, want %d", got, n)
	}
	close(let)
	all.Wait()
	if got := countOf(t, s.Listener.Addr().String()); got != 0 {
		t.Errorf("%d requests under way behind all", got)
	}
}

// countOf asks the admin API of Caddy.
func countOf(t *testing.T, address string) int {
	t.Helper()
	mod, err := caddy.GetModule("admin.api.reverse_proxy")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	route := mod.New().(caddy.AdminRouter).Routes()[0]
	if err := route.Handler.ServeHTTP(w, httptest.NewRequest("GET", route.Pattern, nil)); err != nil {
		t.Fatal(err)
	}
	var hosts []struct {
		Address string `json:"address"`
		N       int    `json:"num_requests"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &hosts); err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		if h.Address == address {
			return h.N
		}
	}
	t.Errorf("%s is not among %v", address, hosts)
	return -1
}

// An option of reverse_proxy that nobody has thought of is not for the short way.
func TestIsPlain(t *testing.T) {
	if !isPlain(nil) || !isPlain(new(reverseproxy.Handler)) {
		t.Error("no option is plain")
	}
	var plain []string
	v := reflect.ValueOf(new(reverseproxy.Handler)).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		h := new(reverseproxy.Handler)
		if f.IsExported() && setSomething(reflect.ValueOf(h).Elem().Field(i)) && isPlain(h) {
			plain = append(plain, f.Name)
		}
	}
	if got, want := strings.Join(plain, " "), "TransportRaw TrustedProxies Headers ProxyStatusName StreamTimeout StreamBufferSize StreamCloseDelay"; got != want {
		t.Errorf("plain are %s, want %s", got, want)
	}
}

// setSomething makes a value other than its zero. It cannot with an interface.
func setSomething(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	default:
		return false
	}
	return true
}

// What a run says of the upstream is not what the next one says, whichever way they go.
func TestForwardPlaceholdersOfTheLast(t *testing.T) {
	a, b := echoing(t), echoing(t)
	p := testProxy(t, "")
	forward := p.forward
	for _, ways := range [][2]bool{{true, true}, {true, false}, {false, true}} {
		w := httptest.NewRecorder()
		r := caddyenv.Prepare(httptest.NewRequest("GET", "http://site.example/", nil), w)
		for i, short := range ways {
			if p.forward = nil; short {
				p.forward = forward
			}
			if err := p.Serve(w, r, nil, NewTarget(&luart.ProxyTo{Upstreams: []string{[]string{a, b}[i]}})); err != nil {
				t.Fatal(err)
			}
		}
		if address, tries := Asked(r.Context()); address != b || tries != 1 {
			t.Errorf("%v: %s was asked %d times, want %s", ways, address, tries, b)
		}
	}
}
