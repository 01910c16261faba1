package rover

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// The admin API is about the config that started last and runs, also while Caddy, which has
// no active config here, has not taken it yet.
func TestAdminAnswersForWhatRuns(t *testing.T) {
	status := adminHandler(map[string]adminRoute{http.MethodGet: {handle: adminStatus}})
	ask := func(want string) {
		t.Helper()
		w := httptest.NewRecorder()
		err := status(w, httptest.NewRequest(http.MethodGet, "/rover/status", nil))
		var api caddy.APIError
		switch {
		case want == "" && !(errors.As(err, &api) && api.HTTPStatus == http.StatusNotFound):
			t.Errorf("got %v and %s, want a 404", err, w.Body)
		case want != "" && (err != nil || !strings.Contains(w.Body.String(), want)):
			t.Errorf("got %v and %s, want the VM %s", err, w.Body, want)
		}
	}
	begin := func(name, source string) (*config, error) {
		path := script(t, filepath.Join(t.TempDir(), "app.lua"), source)
		c := prepare(t, newStorage(), handler(path, name))
		if err := c.provision(); err != nil {
			t.Fatal(err)
		}
		return c, c.app.Start()
	}
	must := func(name string) *config {
		t.Helper()
		c, err := begin(name, `return rover.server {}`)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ask("")
	first := must("first")
	ask(`"first"`)
	if _, err := begin("first", `local api = rover.server {}
		function api.on_reload() error("no") end
		return api`); err == nil {
		t.Error("a config whose on_reload fails has started")
	}
	ask(`"first"`)
	second := must("second")
	ask(`"second"`)
	first.end()
	ask(`"second"`)
	third := must("third")
	third.end() // Caddy refused it for another app
	ask(`"second"`)
	second.end()
	ask("")
}
