package handler

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

// script writes a Lua file and returns its path.
func script(t testing.TB, path, source string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(source), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// handler returns a handler that has not been provisioned.
func handler(path, name string) *Handler {
	return &Handler{Config: rovercaddyfile.Config{Script: path, Name: name}}
}

// get returns what a handler answers, "next" when it passes the request on.
func get(t testing.TB, h *Handler, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	err := h.ServeHTTP(w, caddyenv.Prepare(httptest.NewRequest("GET", path, nil), nil),
		caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, "next")
			return err
		}))
	if err != nil {
		t.Error(err)
	}
	return w.Body.String()
}

// Functions that the config names must be in what is loaded, and the newest is called.
func TestReloadKeepsFunctions(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), `
		rover.matcher("m", function() return true end)
		return rover.server {}`)
	h, app := handler(path, ""), newApp(t)
	m := new(Matcher)
	m.Function, m.kind, m.app = "m", luart.MatcherFunction, app
	app.functions = append(app.functions, &m.functionRef)
	if err := begin(t, app, h); err != nil {
		t.Fatal(err)
	}
	expect := func(want bool) {
		t.Helper()
		got, err := m.MatchWithError(caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), nil))
		if got != want || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	}
	expect(true)
	script(t, path, `rover.matcher("n", function() end) return rover.server {}`)
	if err := h.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), `rover matcher "m": the script does not register it; it has: n`) {
		t.Errorf("error %v", err)
	}
	expect(true)
	script(t, path, `rover.matcher("m", function() return false end) return rover.server {}`)
	if err := h.Reload(context.Background()); err != nil {
		t.Error(err)
	}
	expect(false)
}
