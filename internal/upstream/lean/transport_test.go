package lean

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers requests with bytes. It remembers what it has received on each connection.
type server struct {
	net.Listener
	mu       sync.Mutex
	conns    []*bytes.Buffer
	accepted *sync.Cond // one more is in conns
	all      sync.WaitGroup
}

// serve starts a server. On connection i (from 0) it runs handle, and closes the connection.
func serve(t testing.TB, handle func(i int, c net.Conn, br *bufio.Reader)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l}
	s.accepted = sync.NewCond(&s.mu)
	s.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			got := new(bytes.Buffer)
			i := len(s.conns)
			s.conns = append(s.conns, got)
			s.accepted.Broadcast()
			s.mu.Unlock()
			s.all.Go(func() {
				defer c.Close()
				handle(i, c, bufio.NewReader(io.TeeReader(c, &locked{s, got})))
			})
		}
	})
	t.Cleanup(func() { l.Close(); s.all.Wait() })
	return s
}

type locked struct {
	s *server
	b *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.b.Write(p)
}

// end ends the server when it has accepted n connections, and is done with them. The client must have
// closed them. What is not accepted is lost when the listener closes, with what the client has sent.
func (s *server) end(n int) {
	s.mu.Lock()
	for len(s.conns) < n {
		s.accepted.Wait()
	}
	s.mu.Unlock()
	s.Close()
	s.all.Wait()
}

// received is what came, by connections.
func (s *server) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, b := range s.conns {
		all = append(all, strings.ReplaceAll(b.String(), s.Addr().String(), "server"))
	}
	return all
}

// readRequest reads a request whole.
func readRequest(br *bufio.Reader) (*http.Request, error) {
	req, err := http.ReadRequest(br)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return req, err
}

// answers has each request of a connection answered with the next text; behind the last one it is
// closed.
func answers(texts ...string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, br *bufio.Reader) {
		for _, text := range texts {
			if _, err := readRequest(br); err != nil {
				return
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

// got is what a client sees of a response.
type got struct {
	Status       string
	Proto        string
	Header       http.Header
	Length       int64
	Encoding     []string
	Uncompressed bool
	Body         string
	Cut          bool
	Trailer      http.Header
	Failed       string
	Informed     []string
}

// ask sends a request, and reads the response whole. A *Transport has a Caller, others have a trace.
func ask(rt http.RoundTripper, req *http.Request) (g got) {
	informed := func(code int, h http.Header) error {
		g.Informed = append(g.Informed, fmt.Sprint(code, h))
		return nil
	}
	var resp *http.Response
	var err error
	if tr, ok := rt.(*Transport); ok {
		resp, err = tr.RoundTripFor(caller{tr, req.URL.Host, informed}, req)
	} else {
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error { return informed(code, http.Header(h)) }}
		resp, err = rt.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	}
	if err != nil {
		g.Failed = addresses.ReplaceAllString(err.Error(), "address")
		return g
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	g.Status, g.Proto, g.Header, g.Length, g.Encoding, g.Uncompressed = resp.Status, resp.Proto, resp.Header, resp.ContentLength, resp.TransferEncoding, resp.Uncompressed
	g.Body, g.Cut, g.Trailer = string(body), err != nil, resp.Trailer
	return g
}

// caller dials as its transport does.
type caller struct {
	tr       *Transport
	host     string
	informed func(code int, h http.Header) error
}

func (c caller) Dial(ctx context.Context) (net.Conn, error) { return c.tr.dialFor(ctx, nil, c.host) }

func (c caller) Informed(code int, h http.Header) error { return c.informed(code, h) }

// traced is a Transport whose requests have a trace.
type traced struct{ *Transport }

// addresses in errors are of a connection.
var addresses = regexp.MustCompile(`127\.0\.0\.1:\d+`)

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// exchanges are what servers do, and what is asked of them: the same as of http.Transport.
var exchanges = map[string]struct {
	handle   func(i int, c net.Conn, br *bufio.Reader)
	requests []func(url string) *http.Request
	base     func(*http.Transport)
}{
	"plain":                  {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"head":                   {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"), requests: two(request("HEAD", ""))},
	"head and chunked":       {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"), requests: two(request("HEAD", ""))},
	"no content":             {handle: answers("HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"), requests: two(get)},
	"post":                   {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), requests: two(request("POST", "the body"))},
	"post of nothing":        {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(request("POST", ""))},
	"body of unknown length": {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(unknown("the body"))},
	"late trailers":          {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(lateTrailers(unknown("the body")))},
	"late trailers, length":  {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(lateTrailers(request("POST", "the body")))},
	"large body":             {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(request("PUT", strings.Repeat("x", 1<<20)))},
	"body too short":         {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(lengthOf(9, "the body"))},
	"body that fails":        {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(failing)},
	"chunked":                {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"chunk extensions":       {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n0;z\r\n\r\n"), requests: one(get)},
	"bad chunk":              {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n"), requests: one(get)},
	"trailers":               {handle: answers("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: a\r\nX-More: b\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"cut":                    {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"), requests: one(get)},
	"cut chunk":              {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), requests: one(get)},
	"cut head":               {handle: answers("HTTP/1.1 200 OK\r\nContent-Le"), requests: one(get)},
	"until the end":          {handle: answers("HTTP/1.1 200 OK\r\n\r\nhello"), requests: two(get)},
	"http 1.0":               {handle: answers("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"http 1.0 keeps":         {handle: answers("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"connection: close":      {handle: answers("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"the client closes":      {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(closing)},
	"keep-alive is off":      {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get), base: func(t *http.Transport) { t.DisableKeepAlives = true }},
	"garbage behind":         {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"garbage behind no body": {handle: answers("HTTP/1.1 204 No Content\r\n\r\nevil", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"informed":               {handle: answers("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"switches":               {handle: answers("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"), requests: nil},
	"no answer":              {handle: answers(""), requests: one(get)},
	"no http":                {handle: answers("SSH-2.0-OpenSSH\r\n"), requests: one(get)},
	"no http, and stays":     {handle: answers("SSH-2.0-OpenSSH\r\n", ""), requests: one(get)},
	"lines end with LF":      {handle: answers("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "HTTP/1.1 200 OK\nContent-Length: 2\n\nno"), requests: two(get)},
	"a line is none":         {handle: answers("HTTP/1.1 200 OK\r\nno colon\r\nX: y\r\n", ""), requests: one(get)},
	"two lengths":            {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello"), requests: one(get)},
	"length and chunked":     {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), requests: one(get)},
	"large head":             {handle: answers("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20<<10) + "\r\nContent-Length: 5\r\n\r\nhello"), requests: one(get)},
	"head beyond the limit":  {handle: answers("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20<<10) + "\r\nContent-Length: 5\r\n\r\nhello"), requests: one(get), base: func(t *http.Transport) { t.MaxResponseHeaderBytes = 10 << 10 }},
	"gzip":                   {handle: answers("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "+fmt.Sprint(len(zipped("hello")))+"\r\n\r\n"+zipped("hello"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get), base: compressing},
	"gzip that is none":      {handle: answers("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"), requests: one(get), base: compressing},
	"gzip of nothing":        {handle: answers("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"), requests: one(get), base: compressing},
	"gzip of a head":         {handle: answers("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"), requests: one(request("HEAD", "")), base: compressing},
	"gzip for the client":    {handle: answers("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + fmt.Sprint(len(zipped("hello"))) + "\r\n\r\n" + zipped("hello")), requests: one(accepting), base: compressing},
	"stale, can be repeated": {handle: staleThen("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), requests: two(get)},
	"stale, cannot":          {handle: staleThen("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), requests: []func(string) *http.Request{get, unknown("x")}},
	"a body that is none":    {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(perhaps(""))},
	"a body after all":       {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(perhaps("the body"))},
	"a body of one byte":     {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(perhaps("b"))},
	"a late body":            {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(late)},
	"a GET's body fails":     {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), requests: one(failingGet)},
	"stale, was a body":      {handle: staleThen("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), requests: two(perhaps("x"))},
	"request trailers":       {handle: answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(trailing)},
	"long trailer":           {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n"), requests: one(get)},
	"cut trailer":            {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y"), requests: one(get)},
	"cut before the trailer": {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"), requests: one(get)},
	"bad trailer":            {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nno colon\r\n\r\n"), requests: one(get)},
	"garbage behind chunks":  {handle: answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), requests: two(get)},
	"early answer":           {handle: early, requests: one(request("POST", strings.Repeat("x", 8<<20)))},
}

// compressing leaves it to the transport to ask for gzip.
func compressing(t *http.Transport) { t.DisableCompression = false }

// staleThen answers one request, and closes when the next one has come; other connections are fine.
func staleThen(text string) func(int, net.Conn, *bufio.Reader) {
	return func(i int, c net.Conn, br *bufio.Reader) {
		for n := 0; ; n++ {
			if _, err := readRequest(br); err != nil || i == 0 && n == 1 {
				return
			}
			_, _ = io.WriteString(c, text)
		}
	}
}

// early answers when it has read the head, and reads no more of the body.
func early(_ int, c net.Conn, br *bufio.Reader) {
	if _, err := http.ReadRequest(br); err != nil {
		return
	}
	_, _ = io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large")
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, br) // else the answer is lost with the connection
}

func one(f func(string) *http.Request) []func(string) *http.Request {
	return []func(string) *http.Request{f}
}

func two(f func(string) *http.Request) []func(string) *http.Request {
	return []func(string) *http.Request{f, f}
}

func get(url string) *http.Request { return request("GET", "")(url) }

func request(method, body string) func(string) *http.Request {
	return func(url string) *http.Request {
		var r io.Reader
		if body != "" {
			r = io.MultiReader(strings.NewReader(body)) // no GetBody, as of a server's request
		}
		req, err := http.NewRequest(method, url+"/path?query", r)
		if err != nil {
			panic(err)
		}
		req.ContentLength = int64(len(body))
		return req
	}
}

func unknown(body string) func(string) *http.Request {
	return func(url string) *http.Request {
		req := request("POST", body)(url)
		req.ContentLength, req.TransferEncoding = -1, []string{"chunked"}
		return req
	}
}

// lateTrailers has trailers come with the end of the body, as a server's request does that has not
// announced them.
func lateTrailers(f func(string) *http.Request) func(string) *http.Request {
	return func(url string) *http.Request {
		req := f(url)
		req.Trailer = http.Header{}
		req.Body = io.NopCloser(io.MultiReader(req.Body, readerFunc(func([]byte) (int, error) {
			req.Trailer["X-Sum"], req.Trailer["X-More"] = []string{"a\nb", "c"}, []string{" d "}
			return 0, io.EOF
		})))
		return req
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func lengthOf(n int64, body string) func(string) *http.Request {
	return func(url string) *http.Request {
		req := request("POST", body)(url)
		req.ContentLength = n
		return req
	}
}

func failing(url string) *http.Request {
	req := request("POST", "x")(url)
	req.Body = io.NopCloser(io.MultiReader(strings.NewReader("some"), failingReader{}))
	req.ContentLength = 100
	return req
}

// perhaps is a request of which nobody knows whether it has a body, as HTTP/3 has them.
func perhaps(body string) func(string) *http.Request {
	return func(url string) *http.Request {
		req := get(url)
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), -1
		return req
	}
}

// late has a body that comes when it has long been given up that there is one.
func late(url string) *http.Request {
	req := get(url)
	req.Body, req.ContentLength = io.NopCloser(lateReader{}), -1
	return req
}

type lateReader struct{}

func (lateReader) Read([]byte) (int, error) {
	<-time.After(2 * probeWait)
	return 0, io.EOF
}

func failingGet(url string) *http.Request {
	req := get(url)
	req.Body, req.ContentLength = io.NopCloser(failingReader{}), -1
	return req
}

// trailing is a request whose trailers are known at the end of its body.
func trailing(url string) *http.Request {
	req := unknown("the body")(url)
	req.Trailer = http.Header{}
	req.Body = &trailingBody{req.Body, req.Trailer}
	return req
}

type trailingBody struct {
	io.ReadCloser
	trailer http.Header
}

func (b *trailingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.trailer.Set("X-Sum", "7")
	}
	return n, err
}

var errBody = errors.New("the body is gone")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errBody }

func closing(url string) *http.Request {
	req := get(url)
	req.Close = true
	return req
}

func accepting(url string) *http.Request {
	req := get(url)
	req.Header.Set("Accept-Encoding", "gzip")
	return req
}

// TestLikeHTTPTransport has both transports do the same exchanges: the client sees the same, and so
// does the server.
func TestLikeHTTPTransport(t *testing.T) {
	for name, e := range exchanges {
		t.Run(name, func(t *testing.T) {
			run := func(make func(*http.Transport) http.RoundTripper) ([]got, []string) {
				s := serve(t, e.handle)
				base, dialled := counting()
				base.DisableCompression = true
				if e.base != nil {
					e.base(base)
				}
				rt := make(base)
				var all []got
				for _, f := range e.requests {
					all = append(all, ask(rt, f("http://"+s.Addr().String())))
				}
				rt.(interface{ CloseIdleConnections() }).CloseIdleConnections()
				s.end(int(dialled.Load()))
				return all, s.received()
			}
			want, wantReceived := run(func(t *http.Transport) http.RoundTripper { return t })
			late := len(want) > 1 && want[1].Body == "evil" // http.Transport is not always quick enough to see what is behind an answer
			usual := func(all []got, received []string) {
				for i, g := range all {
					if g.Failed != "" && strings.HasPrefix(name, "body ") {
						all[i].Failed = "by the client" // http.Transport also says what it was doing
					}
				}
				for i, text := range received {
					if head, _, ok := strings.Cut(text, "\r\n\r\n"); ok && strings.HasPrefix(name, "early") {
						received[i] = head // how much of the body came until the answer is of chance
					}
				}
			}
			usual(want, wantReceived)
			for way, make := range map[string]func(*http.Transport) http.RoundTripper{
				"with a caller": func(b *http.Transport) http.RoundTripper { return New(b) },
				"with a trace":  func(b *http.Transport) http.RoundTripper { return traced{New(b)} },
			} {
				gotten, received := run(make)
				if late {
					if gotten[1].Body != "hello" { // of another connection
						t.Errorf("%s: the client sees %+v", way, gotten)
					}
					continue
				}
				usual(gotten, received)
				if !reflect.DeepEqual(gotten, want) {
					t.Errorf("%s: the client sees\n%+v\nwith http.Transport\n%+v", way, gotten, want)
				}
				if !reflect.DeepEqual(received, wantReceived) {
					t.Errorf("%s: the server got\n%q\nwith http.Transport\n%q", way, received, wantReceived)
				}
			}
		})
	}
}

// transport returns one for tests, whose connections are counted.
func transport(t *testing.T, change func(*http.Transport)) (*Transport, *atomic.Int64) {
	t.Helper()
	base, dialled := counting()
	base.DisableCompression = true
	if change != nil {
		change(base)
	}
	tr := New(base)
	t.Cleanup(tr.CloseIdleConnections)
	return tr, dialled
}

// counting counts the connections that it makes.
func counting() (*http.Transport, *atomic.Int64) {
	var dialled atomic.Int64
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			dialled.Add(1)
		}
		return c, err
	}}, &dialled
}

func hello(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Query().Get("n")) }

// Where a body is longer than it says, the server has a whole request: its answer counts, and no
// other request may follow on the connection.
func TestBodyTooLong(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(hello))
	defer s.Close()
	tr, dialled := transport(t, nil)
	for range 2 {
		req := lengthOf(7, "the body")(s.URL)
		req.URL.RawQuery = "n=1"
		if g := ask(tr, req); g.Body != "1" {
			t.Errorf("%+v", g)
		}
	}
	if dialled.Load() != 2 {
		t.Errorf("%d connections", dialled.Load())
	}
}

// A request that turns out to have no body is one that can be repeated. http.Transport has forgotten
// that by then.
func TestStaleWithoutBody(t *testing.T) {
	s := serve(t, staleThen("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	tr := New(&http.Transport{})
	defer tr.CloseIdleConnections()
	for i := range 2 {
		if got := ask(tr, perhaps("")("http://"+s.Addr().String())); got.Body != "ok" {
			t.Errorf("request %d: %+v", i, got)
		}
	}
}

// Many at once on few connections: nobody gets the answer of somebody else.
func TestManyAtOnce(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := r.URL.Query().Get("n")
		w.Header().Set("X-N", n)
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Query().Get("how") {
		case "chunked":
			for _, c := range n {
				_, _ = io.WriteString(w, string(c))
				_ = http.NewResponseController(w).Flush()
			}
		case "cut":
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, n)
			panic(http.ErrAbortHandler)
		case "none":
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = io.WriteString(w, n+string(body))
		}
	}))
	defer s.Close()
	tr, dialled := transport(t, func(b *http.Transport) { b.MaxIdleConnsPerHost = 8 })
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 200 {
				n := fmt.Sprintf("%d-%d", i, j)
				how := []string{"", "chunked", "cut", "none", "leave", "post"}[j%6]
				req := get(s.URL)
				if how == "post" {
					req = request("POST", n)(s.URL)
				}
				req.URL.RawQuery = "n=" + n + "&how=" + how
				ctx, cancel := context.WithCancel(context.Background())
				resp, err := tr.RoundTrip(req.WithContext(ctx))
				if err != nil {
					cancel()
					if how != "cut" {
						t.Error(err)
					}
					continue
				}
				if resp.Header.Get("X-N") != n {
					t.Errorf("%s got the head of %s", n, resp.Header.Get("X-N"))
				}
				if how == "leave" {
					cancel()
				}
				body, err := io.ReadAll(resp.Body)
				want := n
				switch how {
				case "none":
					want = ""
				case "post":
					want = n + n
				case "leave", "cut":
					if want = string(body); !strings.HasPrefix(n, want) || how == "cut" && err == nil {
						t.Errorf("%s got %q, %v", n, body, err)
					}
					err = nil
				}
				if err != nil || string(body) != want {
					t.Errorf("%s, %s: got %q, %v", n, how, body, err)
				}
				resp.Body.Close()
				cancel()
			}
		})
	}
	all.Wait()
	if n := dialled.Load(); n > 16*200 {
		t.Errorf("%d connections", n)
	}
}

func TestReuse(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(hello))
	defer s.Close()
	tr, dialled := transport(t, nil)
	for range 10 {
		ask(tr, get(s.URL))
		ask(tr, request("POST", "body")(s.URL))
		ask(tr, request("HEAD", "")(s.URL))
	}
	if dialled.Load() != 1 {
		t.Errorf("%d connections for one request after the other", dialled.Load())
	}
	tr.CloseIdleConnections()
	ask(tr, get(s.URL))
	if dialled.Load() != 2 {
		t.Error("a connection was used that had been closed")
	}
}

// A connection that the server has closed, or sent something on, is not used again.
func TestPeek(t *testing.T) {
	const closed, data = "", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for name, c := range map[string]struct {
		last string
		// Not one that may be repeated: it must not be sent there at all.
		request func(string) *http.Request
	}{
		"closed":         {closed, unknown("x")},
		"closed, asked":  {closed, request("POST", "")},
		"data":           {data, unknown("x")},
		"data, asked":    {data, request("POST", "")},
		"data, with GET": {data, get},
	} {
		t.Run(name, func(t *testing.T) {
			last := c.last
			next, sent := make(chan struct{}), make(chan struct{})
			s := serve(t, func(i int, c net.Conn, br *bufio.Reader) {
				for {
					if _, err := readRequest(br); err != nil {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					if i == 0 {
						<-next
						_, _ = io.WriteString(c, last)
						if last == "" {
							c.Close()
						}
						close(sent)
						_, _ = io.Copy(io.Discard, br)
						return
					}
				}
			})
			tr, dialled := transport(t, nil)
			url := "http://" + s.Addr().String()
			ask(tr, get(url))
			close(next)
			<-sent
			// What was sent on the loopback is there.
			if g := ask(tr, c.request(url)); g.Body != "ok" || dialled.Load() != 2 {
				t.Errorf("%+v, %d connections", g, dialled.Load())
			}
			tr.CloseIdleConnections()
		})
	}
}

// A request that is cancelled ends, at each stage.
func TestCancel(t *testing.T) {
	for _, stage := range []string{"dial", "head", "body", "upload", "head, with a caller", "body, with a caller"} {
		t.Run(stage, func(t *testing.T) {
			stage, _, called := strings.Cut(stage, ", ")
			here := make(chan struct{}, 1)
			s := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
				_, _ = http.ReadRequest(br)
				if stage == "body" {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
				}
				here <- struct{}{}
				_, _ = io.Copy(io.Discard, br)
			})
			tr, _ := transport(t, func(b *http.Transport) {
				if stage == "dial" {
					b.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
						here <- struct{}{}
						<-ctx.Done()
						return nil, ctx.Err()
					}
				}
			})
			ctx, cancel := context.WithCancelCause(context.Background())
			why := errors.New("the client has left")
			leave := func() {
				<-here
				cancel(why)
			}
			if stage != "body" {
				go leave()
			}
			req := get("http://" + s.Addr().String())
			if stage == "upload" {
				r, w := io.Pipe()
				req = request("POST", "x")(req.URL.String())
				req.ContentLength, req.Body = 1<<20, r
				// The round trip does not end before who reads the body does, as with http.Transport: a
				// server ends that, and its own request not before.
				defer context.AfterFunc(ctx, func() { w.CloseWithError(errBody) })()
			}
			var by Caller
			if called {
				by = caller{tr, req.URL.Host, nil}
			}
			resp, err := tr.RoundTripFor(by, req.WithContext(ctx))
			if stage == "body" {
				if err != nil {
					t.Fatal(err)
				}
				leave()
				_, err = io.ReadAll(resp.Body)
			}
			if !errors.Is(err, why) && stage != "dial" {
				t.Errorf("%v, not the cause", err)
			}
			if err == nil {
				t.Error("no error")
			}
			if req.Body != nil {
				req.Body.Close() // as a server does, at the end of its handler
			}
		})
	}
}

// Once a request has failed nobody reads its body any more: it may be sent once more.
func TestFailedLeavesBody(t *testing.T) {
	s := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
		_, _ = http.ReadRequest(br)
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	tr, _ := transport(t, func(*http.Transport) {})
	reads := 0 // by whoever has the body
	req := request("POST", "x")("http://" + s.Addr().String())
	req.ContentLength, req.Body = 1<<40, io.NopCloser(readerFunc(func(p []byte) (int, error) {
		reads++
		return len(p), nil
	}))
	if _, err := tr.RoundTrip(req); err == nil {
		t.Fatal("an answer")
	}
	reads++
}

func TestHeadTimeout(t *testing.T) {
	s := serve(t, func(_ int, _ net.Conn, br *bufio.Reader) {
		_, _ = readRequest(br)
		_, _ = io.Copy(io.Discard, br)
	})
	for _, d := range []time.Duration{1, time.Millisecond} { // while it is being sent, or behind that
		tr, dialled := transport(t, func(b *http.Transport) { b.ResponseHeaderTimeout = d })
		for _, f := range []func(string) *http.Request{get, request("POST", "body")} {
			if _, err := tr.RoundTrip(f("http://" + s.Addr().String())); !errors.Is(err, errHeadTimeout) {
				t.Errorf("%v", err)
			} else if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() { //nolint:errorlint // as reverse_proxy looks
				t.Errorf("%v is no timeout to a caller", err)
			}
		}
		if dialled.Load() != 2 {
			t.Errorf("%d connections: what takes too long is not repeated", dialled.Load())
		}
	}
}

// No more connections are kept than may be, and none for longer than may be.
func TestPoolIsBounded(t *testing.T) {
	const clients = 20
	var together sync.WaitGroup
	together.Add(clients)
	var open atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait()
		hello(w, r)
	}))
	closed := make(chan struct{}, clients)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
			closed <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	tr, _ := transport(t, func(b *http.Transport) {
		b.MaxIdleConnsPerHost, b.MaxIdleConns, b.IdleConnTimeout = 5, 3, time.Millisecond
	})
	var all sync.WaitGroup
	for range clients {
		all.Go(func() { ask(tr, get(s.URL)) })
	}
	all.Wait()
	for range clients { // also the three that were kept, by and by
		<-closed
	}
	tr.pool.mu.Lock()
	defer tr.pool.mu.Unlock()
	if tr.pool.count != 0 || len(tr.pool.byHost) != 0 || open.Load() != 0 {
		t.Errorf("%d kept, %d open", tr.pool.count, open.Load())
	}
}

// notingConn tells when it is closed.
type notingConn struct {
	*net.TCPConn
	closed chan<- struct{}
}

func (c notingConn) Close() error {
	c.closed <- struct{}{}
	return c.TCPConn.Close()
}

// Idle connections that the server has closed are closed, too, and the others stay.
func TestClosedIdleIsFound(t *testing.T) {
	leave := make(chan struct{})
	s := serve(t, func(i int, c net.Conn, br *bufio.Reader) {
		_, _ = readRequest(br)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
		if i == 0 {
			<-leave
			return
		}
		_, _ = io.Copy(io.Discard, br)
	})
	closed := make(chan struct{}, 2)
	tr, _ := transport(t, func(b *http.Transport) {
		b.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return notingConn{c.(*net.TCPConn), closed}, nil
		}
	})
	tr.pool.every = time.Millisecond
	url := "http://" + s.Addr().String()
	first, err := tr.RoundTrip(get(url))
	if err != nil {
		t.Fatal(err)
	}
	ask(tr, get(url)) // over another one
	_, _ = io.ReadAll(first.Body)
	first.Body.Close()
	close(leave)
	<-closed
	tr.pool.mu.Lock()
	kept := tr.pool.count
	tr.pool.mu.Unlock()
	if kept != 1 {
		t.Errorf("%d connections are kept", kept)
	}
}

func TestHandsOver(t *testing.T) {
	tr := New(&http.Transport{})
	for name, change := range map[string]func(*http.Request){
		"https":    func(r *http.Request) { r.URL.Scheme = "https" },
		"upgrade":  func(r *http.Request) { r.Header.Set("Upgrade", "websocket") },
		"expect":   func(r *http.Request) { r.Header.Set("Expect", "100-continue") },
		"trailers": func(r *http.Request) { r.Trailer = http.Header{"X": nil} },
		"connect":  func(r *http.Request) { r.Method = http.MethodConnect },
		"no host":  func(r *http.Request) { r.URL.Host = "" },
		"idna":     func(r *http.Request) { r.URL.Host = "münchen.example" },
	} {
		req := get("http://h")
		change(req)
		if tr.Can(req) {
			t.Errorf("%s: it would send that itself", name)
		}
	}
	plain := get("http://h")
	for range 2 {
		if !tr.Can(plain) {
			t.Errorf("it does not send the plain one with the trailers %v", plain.Trailer)
		}
		plain.Trailer = http.Header{} // as reverse_proxy has it
	}
	for name, base := range map[string]*http.Transport{
		"max_conns_per_host": {MaxConnsPerHost: 1},
		"proxy":              {Proxy: http.ProxyURL(get("http://p").URL)},
	} {
		if New(base).Can(get("http://h")) {
			t.Errorf("%s: it would send that itself", name)
		}
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	s := serve(b, func(_ int, c net.Conn, br *bufio.Reader) {
		answer := []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 50\r\nConnection: keep-alive\r\n\r\n" + strings.Repeat("x", 50))
		for {
			for {
				line, err := br.ReadSlice('\n')
				if err != nil {
					return
				}
				if len(line) == 2 {
					break
				}
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
	for _, side := range []struct {
		name string
		rt   func(*http.Transport) http.RoundTripper
	}{
		{"http", func(t *http.Transport) http.RoundTripper { return t }},
		{"lean", func(t *http.Transport) http.RoundTripper { return New(t) }},
	} {
		b.Run(side.name, func(b *testing.B) {
			base := &http.Transport{DisableCompression: true}
			rt := side.rt(base)
			defer rt.(interface{ CloseIdleConnections() }).CloseIdleConnections()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			req := get("http://" + s.Addr().String()).WithContext(ctx)
			req.Header = http.Header{"User-Agent": {"curl/8"}, "Accept": {"*/*"}, "X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"h"}, "X-Forwarded-Proto": {"http"}}
			b.ReportAllocs()
			for b.Loop() {
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}
