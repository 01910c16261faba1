package outbound

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/caddy-rover/rover/luart/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeDNS answers a resolver's questions: the addresses of a name, "" for a failing
// server; other names do not exist.
func fakeDNS(names map[string]string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe() // no datagrams, so DNS over TCP is spoken
		go func() {
			defer server.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, query); err != nil {
					return
				}
				answer := dnsAnswer(query, names)
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

func dnsAnswer(query []byte, names map[string]string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		panic(err)
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	addr, known := names[strings.TrimSuffix(q.Name.String(), ".")]
	switch {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case addr == "":
		m.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()},
		}}
	}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func newClient(t *testing.T, o Options, rules ...string) *Client {
	t.Helper()
	p, err := ParsePolicy(rules)
	if err != nil {
		t.Fatal(err)
	}
	o.Policy = p
	c := NewClient(o)
	t.Cleanup(c.Close)
	c.resolver = fakeDNS(map[string]string{
		"inside.test": "127.0.0.1", "a.inside.test": "127.0.0.1", "metadata.test": "169.254.169.254", "broken.test": "",
	})
	return c
}

func get(t *testing.T, target string) *Request {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return &Request{Method: "GET", URL: u, Redirects: 10}
}

// fetch returns "status body" or the error.
func fetch(t *testing.T, c *Client, req *Request) string {
	t.Helper()
	before := c.counters.Stats()
	r, body, err := c.Fetch(t.Context(), req)
	after := c.counters.Stats()
	if after.Requests != before.Requests+1 {
		t.Errorf("%d requests counted", after.Requests-before.Requests)
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("error is a %T: %v", err, err)
		}
		if n := after.Failures[e.Step] - before.Failures[e.Step]; n != 1 {
			t.Errorf("%d failures of step %q counted", n, e.Step)
		}
		return err.Error()
	}
	return fmt.Sprint(r.Status, " ", string(body))
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

func newServer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func port(s *httptest.Server) string { return s.URL[strings.LastIndexByte(s.URL, ':')+1:] }

func TestFetch(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.URL, r.Host, r.Header["X-A"], body)
	})
	c := newClient(t, Options{})
	req := get(t, s.URL+"/p?q=1")
	req.Method, req.Body = "POST", "hello"
	req.Header = http.Header{"Host": {"other.test"}, "X-A": {"1", "2"}}
	expect(t, fetch(t, c, req), "200 POST /p?q=1 other.test [1 2] hello")
	if req.Header.Get("Host") == "" {
		t.Error("the request was changed")
	}
}

func TestConnectionsAreKept(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })
	c := newClient(t, Options{})
	first := fetch(t, c, get(t, s.URL))
	expect(t, fetch(t, c, get(t, s.URL)), first)
	c.Close()
	second := fetch(t, c, get(t, s.URL))
	if second == first {
		t.Error("Close kept an idle connection")
	}
	if third := fetch(t, c, get(t, s.URL)); third == second {
		t.Error("a connection was kept after Close")
	}
}

func TestConnectionsEndWithTheContext(t *testing.T) {
	closed := make(chan struct{}, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	ctx, end := context.WithCancelCause(t.Context())
	c := newClient(t, Options{Context: ctx})
	expect(t, fetch(t, c, get(t, s.URL)), "200 ")
	end(errors.New("the end"))
	<-closed
	expect(t, fetch(t, c, get(t, s.URL)), "cancelled: the end")
}

func TestForbidden(t *testing.T) {
	var reached atomic.Int64
	s := newServer(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	p := port(s)
	for _, test := range []struct{ rules, host, want string }{
		{"8.8.8.8", "127.0.0.1", "forbidden: 127.0.0.1:" + p + " is not in the rules of allow net"},
		{"8.8.8.8", "inside.test", "forbidden: inside.test leads to 127.0.0.1:" + p + ", which is not in the rules of allow net"},
		{"other.test", "inside.test", "forbidden: inside.test:" + p + " is not in the rules of allow net"},
		{"inside.test", "inside.test", "forbidden: inside.test leads to 127.0.0.1:" + p + ", a loopback address: it needs a rule of its own in allow net"},
		{"*.inside.test", "a.inside.test", "forbidden: a.inside.test leads to 127.0.0.1:" + p + ", a loopback address: it needs a rule of its own in allow net"},
		{"metadata.test", "metadata.test", "forbidden: metadata.test leads to 169.254.169.254:" + p + ", a link-local or special address: it needs a rule of its own in allow net"},
		{"inside.test:1", "inside.test", "forbidden: inside.test:" + p + " is not in the rules of allow net"},
		{"127.0.0.1:1", "127.0.0.1", "forbidden: 127.0.0.1:" + p + " is not in the rules of allow net"},
	} {
		c := newClient(t, Options{}, strings.Fields(test.rules)...)
		for _, scheme := range []string{"http://", "https://"} {
			expect(t, fetch(t, c, get(t, scheme+test.host+":"+p)), test.want)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("the server got %d requests", n)
	}
	for rule, host := range map[string]string{"127.0.0.1": "inside.test", "127.0.0.0/8:" + p: "127.0.0.1", "localhost": "localhost"} {
		c := newClient(t, Options{}, rule)
		c.resolver = fakeDNS(map[string]string{"inside.test": "127.0.0.1", "localhost": "127.0.0.1"})
		expect(t, fetch(t, c, get(t, "http://"+host+":"+p)), "200 ")
	}
}

// A connection in the pool serves the name it was made for: another name that leads to
// the same address is judged for itself. So is every redirect.
func TestForbiddenWithAPooledConnection(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		fmt.Fprint(w, "reached")
	})
	p := port(s)
	c := newClient(t, Options{}, "127.0.0.1:"+p, "metadata.test")
	expect(t, fetch(t, c, get(t, s.URL)), "200 reached")
	expect(t, fetch(t, c, get(t, "http://inside.test:"+p)), "200 reached")
	c.resolver = fakeDNS(map[string]string{"inside.test": "127.0.0.2"})
	c.transport.CloseIdleConnections()
	expect(t, fetch(t, c, get(t, s.URL)), "200 reached")
	expect(t, fetch(t, c, get(t, "http://inside.test:"+p)), "forbidden: inside.test leads to 127.0.0.2:"+p+", which is not in the rules of allow net")
	c.resolver = fakeDNS(map[string]string{"metadata.test": "169.254.169.254"})
	for to, want := range map[string]string{
		"http://127.0.0.2:" + p + "/": "forbidden: 127.0.0.2:" + p + " is not in the rules of allow net",
		"http://127.0.0.1:1/":         "forbidden: 127.0.0.1:1 is not in the rules of allow net",
		"http://metadata.test/":       "forbidden: metadata.test leads to 169.254.169.254:80, a link-local or special address: it needs a rule of its own in allow net",
		"ftp://127.0.0.1:" + p:        "redirect: to ftp://127.0.0.1:" + p + ", which is not HTTP",
		"/":                           "200 reached",
	} {
		expect(t, fetch(t, c, get(t, s.URL+"?to="+url.QueryEscape(to))), want)
	}
}

// Without rules neither a name nor a redirect nor another notation leads to a metadata service.
func TestForbiddenWithoutRules(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusTemporaryRedirect)
	})
	c := newClient(t, Options{Policy: NewPolicy()})
	c.resolver = fakeDNS(map[string]string{"metadata.test": "169.254.169.254"})
	const special = "a link-local or special address: it needs a rule of its own in allow net"
	for to, want := range map[string]string{
		"http://169.254.169.254/latest":          "forbidden: 169.254.169.254:80 is " + special,
		"https://metadata.test/":                 "forbidden: metadata.test leads to 169.254.169.254:443, " + special,
		"http://[::ffff:a9fe:a9fe]/":             "forbidden: [::ffff:a9fe:a9fe]:80 is " + special,
		"http://[64:ff9b::a9fe:a9fe]:81/":        "forbidden: [64:ff9b::a9fe:a9fe]:81 is " + special,
		"http://\uff11\uff16\uff19.254.169.254/": "forbidden: 169.254.169.254:80 is " + special, // digits of full width
	} {
		expect(t, fetch(t, c, get(t, to)), want)
		expect(t, fetch(t, c, get(t, s.URL+"?to="+url.QueryEscape(to))), want)
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "direct") })
	proxy := newServer(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "by the proxy") })
	t.Setenv("HTTP_PROXY", proxy.URL)
	c := newClient(t, Options{}, "127.0.0.1:"+port(s))
	// Not by its address: net/http never asks a proxy for a loopback address.
	expect(t, fetch(t, c, get(t, "http://inside.test:"+port(s))), "200 direct")
}

func TestRedirects(t *testing.T) {
	other := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s auth=%q cookie=%q x=%q", r.Method, r.Header.Get("Authorization"), r.Header.Get("Cookie"), r.Header.Get("X-A"))
	})
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/303":
			http.Redirect(w, r, "/end", http.StatusSeeOther)
		case "/307":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/other":
			http.Redirect(w, r, "http://localhost:"+port(other)+"/", http.StatusFound)
		default:
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s auth=%q", r.Method, body, r.Header.Get("Authorization"))
		}
	})
	c := newClient(t, Options{})
	req := func(path string, redirects int) *Request {
		r := get(t, s.URL+path)
		r.Method, r.Body, r.Redirects = "POST", "b", redirects
		r.Header = http.Header{"Authorization": {"secret"}, "Cookie": {"a=b"}, "X-A": {"1"}}
		return r
	}
	expect(t, fetch(t, c, req("/303", 1)), `200 GET  auth="secret"`)
	expect(t, fetch(t, c, req("/307", 1)), `200 POST b auth="secret"`)
	expect(t, fetch(t, c, req("/303", 0)), "303 ")
	expect(t, fetch(t, c, req("/other", 1)), `200 GET auth="" cookie="" x="1"`)
	expect(t, fetch(t, c, req("/loop", 3)), "redirect: more than 3, the last to "+s.URL+"/loop")
	r, _, err := c.Fetch(t.Context(), req("/303", 1))
	if err != nil || r.URL.String() != s.URL+"/end" {
		t.Errorf("%v, %v", r, err)
	}
	r, _, err = c.Fetch(t.Context(), get(t, strings.Replace(s.URL, "http://", "http://me:secret@", 1)+"/end"))
	if err != nil || r.URL.String() != s.URL+"/end" {
		t.Errorf("%v, %v", r, err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", len(r.TLS.PeerCertificates))
	}))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.Config.ErrorLog = discardLog()
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())

	expect(t, fetch(t, newClient(t, Options{TLS: &tls.Config{RootCAs: roots}}), get(t, s.URL)), "200 HTTP/2.0 0")
	expect(t, fetch(t, newClient(t, Options{TLS: &tls.Config{RootCAs: roots, Certificates: s.TLS.Certificates}}), get(t, s.URL)), "200 HTTP/2.0 1")
	expect(t, fetch(t, newClient(t, Options{TLS: &tls.Config{InsecureSkipVerify: true}}), get(t, s.URL)), "200 HTTP/2.0 0")
	expect(t, fetch(t, newClient(t, Options{}), get(t, s.URL)),
		"tls: tls: failed to verify certificate: x509: certificate signed by unknown authority")
	got := fetch(t, newClient(t, Options{TLS: &tls.Config{RootCAs: roots}}), get(t, "https://inside.test:"+port(s)))
	if !strings.HasPrefix(got, "tls: ") || !strings.Contains(got, "not inside.test") {
		t.Error(got)
	}
	got = fetch(t, newClient(t, Options{TLS: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11}}), get(t, s.URL))
	if !strings.HasPrefix(got, "tls: ") {
		t.Error(got)
	}
	plain := newServer(t, func(http.ResponseWriter, *http.Request) {})
	got = fetch(t, newClient(t, Options{}), get(t, "https://127.0.0.1:"+port(plain)))
	expect(t, got, "tls: tls: first record does not look like a TLS handshake")
}

func TestDNSAndConnectFailures(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	c := newClient(t, Options{})
	expect(t, fetch(t, c, get(t, "http://"+addr)), "connect: "+addr+": connection refused")
	expect(t, fetch(t, c, get(t, "http://nowhere.test")), "dns: lookup nowhere.test: no such host")
	expect(t, fetch(t, c, get(t, "http://broken.test")), "dns: lookup broken.test: server misbehaving")
	expect(t, fetch(t, c, get(t, "http://127.0.0.1:99999")), "connect: port 99999 is not a number from 1 to 65535")
}

// rawServer serves each connection with what serve does after the request's head.
func rawServer(t *testing.T, serve func(conn net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				serve(conn)
			}
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestBrokenResponses(t *testing.T) {
	for name, test := range map[string]struct{ response, want string }{
		"nothing":     {"", "protocol: the server closed the connection before the response was complete"},
		"cut head":    {"HTTP/1.1 200 OK\r\n", "protocol: the server closed the connection before the response was complete"},
		"cut body":    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal", "protocol: the server closed the connection before the response was complete"},
		"cut chunk":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", "protocol: the server closed the connection before the response was complete"},
		"not HTTP":    {"SSH-2.0-OpenSSH_9.7\r\n", `protocol: net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-OpenSSH_9.7"`},
		"bad gzip":    {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\nnot gzip at.", "protocol: gzip: invalid header"},
		"to nowhere":  {"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n", `protocol: failed to parse Location header "http://[": parse "http://[": missing ']' in host`},
		"endless one": {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "200 until the end"},
	} {
		t.Run(name, func(t *testing.T) {
			target := rawServer(t, func(conn net.Conn) { _, _ = io.WriteString(conn, test.response) })
			expect(t, fetch(t, newClient(t, Options{}), get(t, target)), test.want)
		})
	}
	t.Run("reset", func(t *testing.T) {
		target := rawServer(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
			_ = conn.(*net.TCPConn).SetLinger(0)
		})
		got := fetch(t, newClient(t, Options{}), get(t, target))
		if !strings.HasPrefix(got, "protocol: ") || !strings.Contains(got, "reset by peer") {
			t.Error(got)
		}
	})
}

func TestTooLarge(t *testing.T) {
	zipped := new(bytes.Buffer)
	z := gzip.NewWriter(zipped)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", "6")
		case "/chunked":
			_ = http.NewResponseController(w).Flush()
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped.Bytes())
			return
		}
		_, _ = io.WriteString(w, "sixsix")
	})
	c := newClient(t, Options{})
	for path, max := range map[string]int64{"/length": 5, "/chunked": 5, "/gzip": 1<<20 - 1} {
		req := get(t, s.URL+path)
		req.MaxBody = max
		expect(t, fetch(t, c, req), fmt.Sprintf("too large: the body of the response is longer than %d bytes", max))
		req.MaxBody++
		if got := fetch(t, c, req); !strings.HasPrefix(got, "200 ") {
			t.Error(got)
		}
	}
	req := get(t, s.URL+"/length")
	req.Method, req.MaxBody = "HEAD", 1
	expect(t, fetch(t, c, req), "200 ")
}

func TestTimeoutAndCancel(t *testing.T) {
	came, gone := make(chan struct{}, 10), make(chan struct{}, 10)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "some")
			_ = http.NewResponseController(w).Flush()
		}
		came <- struct{}{}
		<-r.Context().Done()
		gone <- struct{}{}
	})
	hand := clock.New(time.Unix(1e9, 0), nil)
	c := newClient(t, Options{WithTimeout: hand.WithTimeout})
	for _, path := range []string{"/head", "/body"} {
		req := get(t, s.URL+path)
		req.Timeout = 30 * time.Millisecond
		got := make(chan string, 1)
		go func() { got <- fetch(t, c, req) }()
		<-came // or it would not be gone either
		hand.Advance(req.Timeout, nil)
		expect(t, <-got, "timeout: the request took longer than 30ms")
		<-gone
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-came
			cancel(errors.New("nobody wants it"))
		}()
		_, _, err := c.Fetch(ctx, get(t, s.URL+path))
		expect(t, err.Error(), "cancelled: nobody wants it")
		<-gone
	}
}

func TestStreamHTTP1(t *testing.T) { testStream(t, false) }

func TestStreamHTTP2(t *testing.T) { testStream(t, true) }

func testStream(t *testing.T, http2 bool) {
	more := make(chan string)
	gone := make(chan struct{}, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case text, ok := <-more:
				if !ok {
					return
				}
				_, _ = io.WriteString(w, text)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				gone <- struct{}{}
				return
			}
		}
	}))
	s.EnableHTTP2 = http2
	if http2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	c := newClient(t, Options{TLS: &tls.Config{InsecureSkipVerify: true}})
	start := func() *Response {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		r, err := c.Start(ctx, get(t, s.URL))
		cancel() // it was about the start
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	p := make([]byte, 10)
	read := func(r *Response) string {
		n, err := r.Read(t.Context(), p)
		if err != nil {
			return err.Error()
		}
		return string(p[:n])
	}
	r := start()
	more <- "one"
	expect(t, read(r), "one")
	more <- "two"
	expect(t, read(r), "two")
	close(more)
	expect(t, read(r), "EOF")
	r.Close()

	more = make(chan string)
	r = start()
	closed := make(chan string)
	go func() { closed <- read(r) }()
	r.Close()
	expect(t, <-closed, "cancelled: the response was closed")
	<-gone

	base, end := context.WithCancelCause(context.Background())
	c.ctx = base
	r = start()
	end(errors.New("the end"))
	expect(t, read(r), "cancelled: the end")
	<-gone
	r.Close()
	expect(t, fetch(t, c, get(t, s.URL)), "cancelled: the end")
	c.ctx = context.Background()

	r = start()
	r.timeout = 20 * time.Millisecond
	expect(t, read(r), "timeout: the request took longer than 20ms")
	<-gone
	r.Close()
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
