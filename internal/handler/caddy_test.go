package handler

import (
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-rover/rover/internal/caddyenv"
)

// emptyContext is the context of an empty config whose logs are dropped.
func emptyContext(t testing.TB) caddy.Context {
	t.Helper()
	ctx, err := caddyenv.Context()
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// blackHole is a http.ResponseWriter that drops what it gets.
type blackHole struct{ header http.Header }

func (b *blackHole) Header() http.Header       { return b.header }
func (*blackHole) Write(p []byte) (int, error) { return len(p), nil }
func (*blackHole) WriteHeader(int)             {}
