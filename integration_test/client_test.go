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
)

// patience bounds every wait for something that must happen. It is never waited for in
// a test that passes.
const patience = 60 * time.Second

// client speaks to the servers of one script, which listen on sockets in its folder:
// http.sock, and tls.sock with Caddy's internal CA.
type client struct {
	dir  string
	h1   *http.Client
	tcp  *http.Client
	once sync.Once
	h2   *http.Client
	hung []context.CancelFunc
	wg   sync.WaitGroup
}

func newClient(dir string) *client {
	c := &client{dir: dir}
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

// dial waits until the socket is there: the server may just have been started.
func dial(ctx context.Context, path string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
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
	c.h1.CloseIdleConnections()
	c.tcp.CloseIdleConnections()
	if c.h2 != nil {
		c.h2.CloseIdleConnections()
	}
}

// http2 returns the client for HTTP/2 over TLS, which trusts the script's own CA.
func (c *client) http2() *http.Client {
	c.once.Do(func() {
		t := &http.Transport{ForceAttemptHTTP2: true}
		c.h2 = c.newHTTP(t, "tls.sock")
		roots := x509.NewCertPool()
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
				pem, _ := os.ReadFile(filepath.Join(c.dir, "storage/pki/authorities/local/root.crt"))
				roots.AppendCertsFromPEM(pem)
				tc := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2"}})
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

// request is one request of a script.
type request struct {
	method, path string
	header       http.Header
	host         string
	body         func() io.Reader
	h2           bool
}

// parseRequest parses METHOD /path [Name:value …] [=body | @file].
func (c *client) parseRequest(args []string) (*request, error) {
	r := &request{header: http.Header{}, host: "localhost"}
	if len(args) > 0 && args[0] == "-h2" {
		r.h2, args = true, args[1:]
	}
	if len(args) < 2 {
		return nil, errors.New("usage: [-h2] METHOD /path [Name:value …] [=body | @file]")
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
	if r.h2 {
		scheme, hc = "https", c.http2()
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
	resp, err := hc.Do(req)
	if err == nil && r.h2 && resp.ProtoMajor != 2 {
		return nil, fmt.Errorf("answered over %s, not HTTP/2", resp.Proto)
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
