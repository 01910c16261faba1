package upstream

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

// BenchmarkProxyOverhead is what it costs to let the script choose: the same request
// through reverse_proxy with its upstream in the config, and through proxy, to a
// transport that answers at once; and the steps that only the latter has.
func BenchmarkProxyOverhead(b *testing.B) {
	answer := roundTripFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 204, Body: http.NoBody, Header: http.Header{}, Proto: "HTTP/1.1"}, nil
	})
	const address = "10.0.0.5:80"
	target := &luart.ProxyTo{Upstreams: []string{address}}
	r := caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), nil)
	w := &discard{header: http.Header{}}

	b.Run("reverse_proxy", func(b *testing.B) {
		h := &reverseproxy.Handler{Transport: answer, Upstreams: reverseproxy.UpstreamPool{{Dial: address}}}
		if err := h.Provision(testContext(b)); err != nil {
			b.Fatal(err)
		}
		defer h.Cleanup()
		b.ReportAllocs()
		for b.Loop() {
			clear(w.header)
			if err := h.ServeHTTP(w, r, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, timeout := range map[string]float64{"proxy": 0, "proxy_timeout": 60} {
		b.Run(name, func(b *testing.B) {
			p := testProxy(b, "")
			p.forward = nil
			p.handler.Transport.(*headTransport).RoundTripper = answer
			target := &luart.ProxyTo{Upstreams: target.Upstreams, Timeout: timeout}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				if err := p.Serve(w, r, nil, NewTarget(target)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("target", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NewTarget(target)
		}
	})
	b.Run("GetUpstreams", func(b *testing.B) {
		source := testProxy(b, "").handler.DynamicUpstreams
		to := NewTarget(target)
		caddyhttp.SetVar(r.Context(), targetVar, to)
		b.ReportAllocs()
		for b.Loop() {
			to.tried = 0
			if _, err := source.GetUpstreams(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header { return d.header }

func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

func (d *discard) WriteHeader(int) {}
