package integration_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// patience bounds every wait for something that must happen. It is never waited for in
// a test that passes.
const patience = 60 * time.Second

// client speaks to the servers of one script, which listen on sockets in its folder:
// http.sock, and tls.sock with Caddy's internal CA; HTTP/3 has no unix sockets and goes to
// the script's port.
type client struct {
	dir, port string
	h1        *http.Client
	tcp       *http.Client
	once      sync.Once
	h2        *http.Client
	once3     sync.Once
	h3        *http.Client
	jars      map[string]*jar
	readers   readers
	hung      []context.CancelFunc
	begun     *begun // by raw -begin
	wg        sync.WaitGroup
}

func newClient(dir, port string) *client {
	c := &client{dir: dir, port: port, jars: map[string]*jar{}}
	c.h1 = c.newHTTP(&http.Transport{MaxIdleConnsPerHost: 100}, "http.sock")
	c.tcp = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	return c
}

func (c *client) newHTTP(t *http.Transport, socket string) *http.Client {
	t.DisableCompression = true
	t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial(ctx, filepath.Join(c.dir, socket))
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dial waits until the socket is there: the server may just have been started. host:port
// is a TCP address.
func dial(ctx context.Context, path string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	network := "unix"
	if strings.Contains(path, ":") {
		network = "tcp"
	}
	for {
		conn, err := new(net.Dialer).DialContext(ctx, network, path)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		runtime.Gosched()
	}
}

func (c *client) close() {
	for _, cancel := range c.hung {
		cancel()
	}
	c.wg.Wait()
	for _, r := range c.readers.reading {
		r.leave()
	}
	c.readers.wg.Wait()
	c.h1.CloseIdleConnections()
	c.tcp.CloseIdleConnections()
	if c.h2 != nil {
		c.h2.CloseIdleConnections()
	}
	if c.h3 != nil {
		_ = c.h3.Transport.(io.Closer).Close()
	}
}

// http2 returns the client for HTTP/2 over TLS, which trusts the script's own CA.
func (c *client) http2() *http.Client {
	c.once.Do(func() {
		t := &http.Transport{ForceAttemptHTTP2: true}
		c.h2 = c.newHTTP(t, "tls.sock")
		plain := t.DialContext
		// The server makes its CA and certificate after it has begun to listen.
		t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			for {
				conn, err := plain(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				tc := tls.Client(conn, &tls.Config{RootCAs: c.roots(), ServerName: "localhost", NextProtos: []string{"h2"}})
				if err = tc.HandshakeContext(ctx); err == nil {
					return tc, nil
				}
				_ = conn.Close()
				if ctx.Err() != nil {
					return nil, err
				}
			}
		}
	})
	return c.h2
}

// http3 returns the client for HTTP/3, which trusts the script's own CA.
func (c *client) http3() *http.Client {
	c.once3.Do(func() {
		c.h3 = &http.Client{
			CheckRedirect: c.h1.CheckRedirect,
			Transport: &http3.Transport{
				DisableCompression: true,
				Dial: func(ctx context.Context, _ string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
					ctx, cancel := context.WithTimeout(ctx, patience)
					defer cancel()
					address := "127.0.0.1:" + c.port
					tcp, err := dial(ctx, address) // Caddy listens there first: a lost packet takes a while
					if err != nil {
						return nil, err
					}
					_ = tcp.Close()
					for {
						tc.RootCAs, tc.ServerName = c.roots(), "localhost"
						conn, err := quic.DialAddr(ctx, address, tc, qc)
						if err == nil || ctx.Err() != nil {
							return conn, err
						}
					}
				},
			},
		}
	})
	return c.h3
}

// roots is the script's CA, as far as the server has made it.
func (c *client) roots() *x509.CertPool {
	roots := x509.NewCertPool()
	pem, _ := os.ReadFile(filepath.Join(c.dir, "storage/pki/authorities/local/root.crt"))
	roots.AppendCertsFromPEM(pem)
	return roots
}

// request is one request of a script.
type request struct {
	method, path string
	header       http.Header
	trailer      http.Header
	host         string
	body         func() io.Reader
	length       int64 // of body; 0: what net/http finds
	proto        int   // 1, 2 or 3
	jar          *jar  // where its cookies are; nil: it has none
}

// jar has the cookies of a browser that takes all of them.
type jar struct {
	mu      sync.Mutex
	cookies map[string]string
}

// send puts the cookies into a request.
func (j *jar) send(h http.Header) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var pairs []string
	for name, value := range j.cookies {
		pairs = append(pairs, name+"="+value)
	}
	if len(pairs) > 0 {
		h["Cookie"] = []string{strings.Join(pairs, "; ")}
	}
}

// keep takes those of a response.
func (j *jar) keep(resp *http.Response) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range resp.Cookies() {
		if j.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(j.cookies, c.Name)
		}
	}
}

// parseRequest parses [-jar NAME] [-h2 | -h3] METHOD /path [Name:value …] [+Trailer:value …] [=body | @file].
func (c *client) parseRequest(args []string) (*request, error) {
	r := &request{header: http.Header{}, host: "localhost", proto: 1}
	if len(args) > 1 && args[0] == "-jar" {
		if c.jars[args[1]] == nil {
			c.jars[args[1]] = &jar{cookies: map[string]string{}}
		}
		r.jar, args = c.jars[args[1]], args[2:]
	}
	if len(args) > 0 && (args[0] == "-h2" || args[0] == "-h3") {
		r.proto, args = int(args[0][2]-'0'), args[1:]
	}
	if len(args) < 2 {
		return nil, errors.New("usage: [-h2 | -h3] METHOD /path [Name:value …] [+Trailer:value …] [=body | @file]")
	}
	r.method, r.path = args[0], args[1]
	for _, a := range args[2:] {
		switch {
		case strings.HasPrefix(a, "="):
			r.body = func() io.Reader { return strings.NewReader(a[1:]) }
		case strings.HasPrefix(a, "@"):
			data, err := os.ReadFile(filepath.Join(c.dir, a[1:]))
			if err != nil {
				return nil, err
			}
			r.body = func() io.Reader { return strings.NewReader(string(data)) }
		default:
			name, value, ok := strings.Cut(a, ":")
			if !ok {
				return nil, fmt.Errorf("%q is not Name:value", a)
			}
			if trailer, ok := strings.CutPrefix(name, "+"); ok {
				if r.trailer == nil {
					r.trailer = http.Header{}
				}
				r.trailer.Add(trailer, value)
				continue
			}
			if strings.EqualFold(name, "host") {
				r.host = value
			} else {
				r.header[http.CanonicalHeaderKey(name)] = append(r.header[http.CanonicalHeaderKey(name)], value)
			}
		}
	}
	return r, nil
}

func (c *client) do(ctx context.Context, r *request) (*http.Response, error) {
	scheme, hc := "http", c.h1
	switch r.proto {
	case 2:
		scheme, hc = "https", c.http2()
	case 3:
		scheme, hc = "https", c.http3()
	}
	var body io.Reader
	if r.body != nil {
		body = r.body()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, scheme+"://localhost"+r.path, body)
	if err != nil {
		return nil, err
	}
	req.Header, req.Host = r.header.Clone(), r.host
	r.jar.send(req.Header)
	if r.length > 0 {
		req.ContentLength = r.length
	}
	if r.trailer != nil {
		req.Trailer, req.ContentLength = r.trailer, -1
	}
	if r.proto == 1 && r.method == http.MethodPost {
		// A server that reloads closes connections that are idle, and what may have been done
		// already is not sent again: it gets a connection of its own, until ctx ends.
		t := new(http.Transport)
		hc = c.newHTTP(t, "http.sock")
		context.AfterFunc(ctx, t.CloseIdleConnections)
	}
	resp, err := hc.Do(req)
	if err == nil {
		r.jar.keep(resp)
	}
	if err == nil && resp.ProtoMajor != r.proto {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("answered over %s, not HTTP/%d", resp.Proto, r.proto)
	}
	return resp, err
}

// get sends r and returns the answer as scripts see it: the status and the body; with
// headers also 1xx answers before it, the headers in order, and trailers.
func (c *client) get(r *request, headers bool) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out strings.Builder
	if headers {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				fmt.Fprintf(&out, "%d %s\n", code, h.Get("Link"))
				return nil
			},
		})
	}
	resp, err := c.do(ctx, r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&out, "%d\n", resp.StatusCode)
	if headers {
		var lines []string
		for name, values := range resp.Header {
			for _, v := range values {
				if name != "Date" && name != "Server" && name != "Alt-Svc" {
					lines = append(lines, name+": "+v)
				}
			}
		}
		sort.Strings(lines)
		for _, l := range lines {
			fmt.Fprintln(&out, l)
		}
		fmt.Fprintln(&out)
	}
	out.Write(body)
	if len(body) > 0 && body[len(body)-1] != '\n' {
		out.WriteByte('\n')
	}
	if headers {
		for name, values := range resp.Trailer {
			fmt.Fprintf(&out, "trailer %s: %s\n", name, strings.Join(values, ", "))
		}
	}
	return out.String(), nil
}

// together runs do n times at once, and returns one of the errors, if there is any, when all
// have returned.
func together(n int, do func() error) error {
	var wg sync.WaitGroup
	failed := make(chan error, n)
	for range n {
		wg.Go(func() {
			if err := do(); err != nil {
				failed <- err
			}
		})
	}
	wg.Wait()
	close(failed)
	return <-failed
}
