package rover

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
		r := prepared(httptest.NewRequestWithContext(ctx, "GET", "/", nil), nil)
		w := &discard{header: http.Header{}}
		b.ReportAllocs()
		for b.Loop() {
			clear(w.header)
			if err := h.ServeHTTP(w, r, next); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("none", func(b *testing.B) {
		serve(b, loaded(b, filepath.Join(b.TempDir(), "none.lua"), "", `local api = rover.server {} function api.x.get() end return api`))
	})
	b.Run("header", func(b *testing.B) {
		serve(b, loaded(b, filepath.Join(b.TempDir(), "after.lua"), "", `local api = rover.server {}
			function api.after.brand(ctx, res) res:set_header("X-Served-By", "rover") end return api`))
	})
}
