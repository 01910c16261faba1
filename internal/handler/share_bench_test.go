//go:build unix

package handler

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func init() { caddy.RegisterModule(new(instantTransport)) }

// instantTransport is a transport of reverse_proxy that answers at once, without an upstream.
type instantTransport struct{}

func (*instantTransport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.transport.instant", New: func() caddy.Module { return new(instantTransport) }}
}

func (*instantTransport) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (*instantTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	header := http.Header{"Content-Type": {"text/plain"}}
	return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", Header: header, Body: http.NoBody, Request: r}, nil
}

// BenchmarkShare is what Rover adds to a request in Caddy's server, beside what does the same without
// it:
//
//	hello, untouched, decide     beside respond: a Lua answer; a path without a route; a Lua decision to pass on
//	proxy                        beside reverse_proxy: a Lua decision and api.proxy, with a transport that answers at once
//	proxy_tcp                    beside reverse_proxy_tcp: likewise with an upstream, each with the transport that it has by default
//
// cpu-ns/op is the CPU time of the process, of all its threads. bash .ci/run prints the ratios.
func BenchmarkShare(b *testing.B) {
	address := upstreamOf50(b)
	path := filepath.Join(b.TempDir(), "app.lua")
	if err := os.WriteFile(path, []byte(`
		local api = rover.server {}
		function api.hello.get() return { message = "hello" } end
		function api.decide.get(ctx) return ctx:header("X-Beta") == "1" and "beta" or api.pass() end
		function api.to.get(ctx) return api.proxy(ctx:cookie("beta") and "10.0.0.7:80" or "`+address+`") end
		return api`), 0o600); err != nil {
		b.Fatal(err)
	}
	const respond = "respond `{\"message\":\"hello\"}`"
	servers := serversOf(b, map[string]string{
		"respond":  respond,
		"rover":    "rover " + path + "\n" + respond,
		"proxy":    "reverse_proxy " + address,
		"instant":  "reverse_proxy " + address + " {\n transport instant\n}",
		"instant2": "rover " + path + " {\n name instant\n proxy {\n transport instant\n}\n}",
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// The heap of a server is not as small as that of a benchmark, nor collected as often: see gc_floor.
	defer debug.SetGCPercent(debug.SetGCPercent(1600))
	kinds := []struct{ name, server, path string }{
		{"respond", "respond", "/hello"},
		{"hello", "rover", "/hello"},
		{"untouched", "rover", "/static/site.css"},
		{"decide", "rover", "/decide"},
		{"reverse_proxy", "instant", "/to"},
		{"proxy", "instant2", "/to"},
		{"reverse_proxy_tcp", "proxy", "/to"},
		{"proxy_tcp", "rover", "/to"},
	}
	serve := make([]func(), len(kinds))
	for i, kind := range kinds {
		s := servers[kind.server]
		came := httptest.NewRequestWithContext(ctx, "GET", kind.path, nil)
		came.Header = http.Header{"User-Agent": {"bench/1.0"}, "Accept": {"*/*"}, "Cookie": {"session=abc; theme=dark"}}
		w := &blackHole{header: http.Header{}}
		serve[i] = func() {
			clear(w.header)
			r, url := *came, *came.URL
			r.URL = &url
			s.ServeHTTP(w, &r)
		}
		for range 1000 { // what runs first must not pay for what all need
			serve[i]()
		}
	}
	for i, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			began := cpuTime(b)
			for b.Loop() {
				serve[i]()
			}
			b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is the CPU time of the process so far.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serversOf returns servers of Caddy with the directives of sites, which listen nowhere.
func serversOf(b *testing.B, sites map[string]string) map[string]*caddyhttp.Server {
	text := "{\n admin off\n log {\n level ERROR\n}\n}\n"
	ports := map[string]int{}
	for name, directives := range sites {
		ports[name] = 40001 + len(ports)
		text += fmt.Sprintf("http://:%d {\n%s\n}\n", ports[name], directives)
	}
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		b.Fatal(err)
	}
	var c caddy.Config
	if err := caddy.StrictUnmarshalJSON(config, &c); err != nil {
		b.Fatal(err)
	}
	provisioned, err := caddy.ProvisionContext(&c)
	if err != nil {
		b.Fatal(err)
	}
	app, err := provisioned.App("http")
	if err != nil {
		b.Fatal(err)
	}
	rover, err := provisioned.App("rover")
	if err != nil {
		b.Fatal(err)
	}
	if err := rover.(*App).Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := rover.(*App).Stop(); err != nil {
			b.Error(err)
		}
	})
	servers := map[string]*caddyhttp.Server{}
	for name, port := range ports {
		for _, s := range app.(*caddyhttp.App).Servers {
			if s.Listen[0] == fmt.Sprintf(":%d", port) {
				servers[name] = s
			}
		}
	}
	return servers
}

// upstreamOf50 returns the address of an upstream that answers each request without a body with 50
// bytes, at hardly any cost.
func upstreamOf50(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain\r\n" +
		"Content-Length: 50\r\n\r\n" + strings.Repeat("x", 50))
	serve := func(c net.Conn) {
		defer c.Close()
		for br := bufio.NewReader(c); ; {
			line, err := br.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) > 2 {
				continue
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}
