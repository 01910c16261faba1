//go:build unix

package upstream

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

// BenchmarkForward is what one request costs that is answered with 50 bytes: by reverse_proxy, by api.proxy
// with lean off, and the short way. cpu-µs/op is of the whole process, with its client and its upstream,
// which are as small as can be: what these take is that of "upstream alone".
func BenchmarkForward(b *testing.B) {
	address := smallUpstream(b)
	plain := &reverseproxy.Handler{Upstreams: reverseproxy.UpstreamPool{{Dial: address}}}
	transport := newTransport(false).(*reverseproxy.HTTPTransport)
	if err := transport.Provision(testContext(b)); err != nil {
		b.Fatal(err)
	}
	plain.Transport = transport
	if err := plain.Provision(testContext(b)); err != nil {
		b.Fatal(err)
	}
	defer plain.Cleanup()
	defer transport.Cleanup()
	to := &luart.ProxyTo{Upstreams: []string{address}}
	off, on := testProxyLean(b, "", false), testProxy(b, "")
	for _, way := range []struct {
		name  string
		serve func(w http.ResponseWriter, r *http.Request) error
	}{
		{"respond", func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, strings.Repeat("x", 50))
			return err
		}},
		{"reverse_proxy", func(w http.ResponseWriter, r *http.Request) error { return plain.ServeHTTP(w, r, nil) }},
		{"lean off", func(w http.ResponseWriter, r *http.Request) error { return off.Serve(w, r, nil, NewTarget(to)) }},
		{"lean", func(w http.ResponseWriter, r *http.Request) error { return on.Serve(w, r, nil, NewTarget(to)) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r = caddyenv.Prepare(r, w)
				caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, false)
				if err := way.serve(w, r); err != nil {
					b.Error(err)
				}
			})}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			go func() { _ = s.Serve(l) }()
			defer s.Shutdown(context.Background()) //nolint:errcheck // of a benchmark
			askOver(b, l.Addr().String())
		})
	}
	b.Run("upstream alone", func(b *testing.B) { askOver(b, address) })
}

// askOver is what a client does with a connection.
func askOver(b *testing.B, address string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	br := bufio.NewReader(c)
	request := []byte("GET /path?query HTTP/1.1\r\nHost: site.example\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n")
	b.ReportAllocs()
	began := cpuTime(b)
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if err := skipAnswer(br); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/float64(b.N), "cpu-µs/op")
}

// skipAnswer reads an answer with a body of 50 bytes.
func skipAnswer(br *bufio.Reader) error {
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err := br.Discard(50)
			return err
		}
	}
}

// smallUpstream answers each request with 50 bytes.
func smallUpstream(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 50\r\nConnection: keep-alive\r\n\r\n" + strings.Repeat("x", 50))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
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
			}()
		}
	}()
	return l.Addr().String()
}

// cpuTime is what the process has taken so far.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
