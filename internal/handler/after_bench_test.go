package handler

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/internal/caddyenv"
)

// BenchmarkAfter is what it costs a response to go through an after hook.
func BenchmarkAfter(b *testing.B) {
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		header := w.Header()
		header.Set("Content-Type", "text/plain")
		header.Set("Content-Length", "5")
		header.Set("Etag", `"x"`)
		header.Set("Cache-Control", "no-store")
		w.WriteHeader(200)
		_, err := io.WriteString(w, "hello")
		return err
	})
	serve := func(b *testing.B, h caddyhttp.MiddlewareHandler) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r := caddyenv.Prepare(httptest.NewRequestWithContext(ctx, "GET", "/", nil), nil)
		w := &blackHole{header: http.Header{}}
		b.ReportAllocs()
		for b.Loop() {
			clear(w.header)
			if err := h.ServeHTTP(w, r, next); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, bench := range []struct{ name, source string }{
		{"none", `function api.x.get() end`},
		{"header", `function api.after.brand(ctx, res) res:set_header("X-Served-By", "rover") end`},
		{"header_of_many", `function api.after.brand(ctx, res)
			if ctx.path == "/filtered" then return res:on_chunk(print) end
			res:set_header("X-Served-By", "rover")
		end`},
		{"on_chunk", `function api.after.same(ctx, res) res:on_chunk(function(chunk) return chunk end) end`},
		{"body", `function api.after.same(ctx, res) res:set_body(res:body():text()) end`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), bench.name+".lua")
			serve(b, loaded(b, path, "", "local api = rover.server {} "+bench.source+" return api"))
		})
	}
}
