package handler

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
)

// loaded is a handler that has loaded a script, and serves.
func loaded(t testing.TB, path, name, source string) *Handler {
	t.Helper()
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &Handler{Config: rovercaddyfile.Config{Script: path, Name: name}}
	if err := begin(t, newApp(t), h); err != nil {
		t.Fatal(err)
	}
	return h
}

// newApp is the app of a config that is stopped at the end of the test.
func newApp(t testing.TB) *App {
	app := new(App)
	app.init(emptyContext(t).Logger(app), nil)
	t.Cleanup(func() {
		if err := errors.Join(app.Stop(), app.Cleanup()); err != nil {
			t.Error(err)
		}
	})
	return app
}

// begin starts a config of handlers.
func begin(t testing.TB, app *App, handlers ...*Handler) error {
	for _, h := range handlers {
		t.Cleanup(func() {
			if err := h.Cleanup(); err != nil {
				t.Error(err)
			}
		})
		if err := h.provision(emptyContext(t), app); err != nil {
			return err
		}
	}
	t.Cleanup(func() { _ = app.Stop() }) // before the handlers' Cleanup
	return app.Start()
}

func TestFindFunction(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.lua"), filepath.Join(dir, "two.lua")
	const end = " return rover.server {}"
	a := loaded(t, one, "a", `rover.matcher("m", function() return true end) rover.matcher("n", function() end)`+end)
	again := loaded(t, one, "a", `rover.matcher("m", function() return true end)`+end)
	b := loaded(t, two, "b", `rover.policy("m", function() return 1 end) rover.matcher("o", function() end)`+end)
	both := loaded(t, two, "a", `rover.matcher("m", function() end) rover.matcher("o", function() end)`+end)
	for _, tt := range []struct {
		name, vm string
		handlers []*Handler
		found    *Handler
		err      string
	}{
		{"m", "", []*Handler{a}, a, ""},
		{"m", "a", []*Handler{a, b}, a, ""},
		{"m", one, []*Handler{b, a}, a, ""},
		{"m", "a", []*Handler{a, again}, a, ""}, // the same script twice: the first
		{"o", "a", []*Handler{a, both}, both, ""},
		{"o", two, []*Handler{a, b}, b, ""},
		{"m", "", nil, nil, `rover matcher "m": no script is loaded: this config needs a rover directive`},
		{"m", "", []*Handler{a, b}, nil, `this config has 2 VMs: say in which one the function is, after its name: a, b`},
		{"m", "c", []*Handler{a, b}, nil, `no rover directive of this config has the name or the script "c"; there are: a, b`},
		{"x", "", []*Handler{a, again}, nil, `rover matcher "x": the script does not register it; it has: m, n`},
		{"m", "b", []*Handler{a, b}, nil, `rover matcher "m": the script does not register it; it has: o`},
		{"m", "a", []*Handler{a, both}, nil, "rover matcher \"m\": both " + one + " (VM a) and " + two + " (VM a) register it"},
		{"o", two, []*Handler{both, b}, nil, "both " + two + " (VM a) and " + two + " (VM b) register it"},
	} {
		f := functionRef{Function: tt.name, VM: tt.vm, kind: luart.MatcherFunction}
		got, err := f.findIn(tt.handlers, (*scripts.Script).Newest)
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s %s: error %v, want %s", tt.name, tt.vm, err, tt.err)
			}
		case err != nil || got.handler != tt.found:
			t.Errorf("%s %s: %v, %v", tt.name, tt.vm, got, err)
		}
	}
	f := functionRef{}
	if err := f.provision(emptyContext(t), luart.PolicyFunction); err == nil || !strings.Contains(err.Error(), "rover.policy") {
		t.Error(err)
	}
}

// What goes wrong in a function has the status that error routes see.
func TestFunctionErrorStatus(t *testing.T) {
	h := loaded(t, filepath.Join(t.TempDir(), "app.lua"), "", "return rover.server {}")
	for _, tt := range []struct {
		err    error
		status int
	}{
		{&luart.ScriptError{Status: 500}, 500},
		{&luart.ScriptError{Status: 504}, 504},
		{&luart.ScriptError{Status: 403, Deliberate: true}, 403},
		{eventloop.ErrOverloaded, 503},
		{eventloop.ErrClosed, 503},
		{luart.ErrMemory, 503},
		{context.Canceled, 499},
	} {
		var herr caddyhttp.HandlerError
		if err := h.functionError("matcher x", tt.err); !errors.As(err, &herr) || herr.StatusCode != tt.status || !errors.Is(err, tt.err) {
			t.Errorf("%v: %v", tt.err, err)
		}
	}
	if err := h.functionError("matcher x", nil); err != nil {
		t.Error(err)
	}
}

// A policy is asked at every try, without upstreams not at all; after an error it is not asked
// again for that request.
func TestPolicySelect(t *testing.T) {
	h := loaded(t, filepath.Join(t.TempDir(), "app.lua"), "", `
		local asked = rover.state("asked", { n = 0 })
		rover.policy("place", function(ctx, upstreams)
			asked.n = asked.n + 1
			ctx:set_var("asked", asked.n)
			if ctx.path == "/error" then error("x") end
			for _, u in ipairs(upstreams) do
				assert(u.host == "10.0.0." .. u.place and u.dial == u.host .. ":80")
				if u.place == tonumber(ctx:query().place) then return u end
			end
		end)
		return rover.server {}`)
	p := new(Policy)
	p.Function, p.kind = "place", luart.PolicyFunction
	p.app = h.app
	pool := reverseproxy.UpstreamPool{
		{Dial: "10.0.0.1:80", Host: new(reverseproxy.Host)},
		{Dial: "10.0.0.2:80", Host: new(reverseproxy.Host)},
		{Dial: "10.0.0.3:80", Host: new(reverseproxy.Host)},
	}
	w := httptest.NewRecorder()
	ask := func(pool reverseproxy.UpstreamPool, target string, times int) (dial string, asked any) {
		r := caddyenv.Prepare(httptest.NewRequest("GET", target, nil), w)
		for range times {
			dial = ""
			if u := p.Select(pool, r, w); u != nil {
				dial = u.Dial
			}
		}
		return dial, caddyhttp.GetVar(r.Context(), "asked")
	}
	for i, tt := range []struct {
		target string
		times  int
		dial   string
		asked  int64
	}{
		{"/?place=1", 1, "10.0.0.1:80", 1},
		{"/?place=3", 2, "10.0.0.3:80", 3},
		{"/?place=4", 2, "", 5}, // none of them is no error: asked at every try
		{"/error", 3, "", 6},
		{"/?place=2", 1, "10.0.0.2:80", 7},
	} {
		if dial, asked := ask(pool, tt.target, tt.times); dial != tt.dial || asked != tt.asked {
			t.Errorf("%d: %q, asked %v times, want %q and %d", i, dial, asked, tt.dial, tt.asked)
		}
	}
	if dial, asked := ask(nil, "/?place=1", 1); dial != "" || asked != nil {
		t.Errorf("no upstreams: %q, asked %v times", dial, asked)
	}
}
