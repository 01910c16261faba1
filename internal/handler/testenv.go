package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/internal/upstream"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/scripttest"
)

// standIns take the place of the world around a handler, in tests of its script: the time,
// the network, the environment, the log.
type standIns struct{ scripttest.Options }

// clock returns the time that scripts go by; nil is the system's.
func (s *standIns) clock() *clock.Clock {
	if s == nil {
		return nil
	}
	return s.Clock
}

// replace puts the stand-ins into a handler that is being provisioned.
func (s *standIns) replace(h *Handler) {
	h.script.Settings.Getenv = func(name string) (string, bool) { v, ok := s.Env[name]; return v, ok }
	h.script.Settings.StandIn = roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return s.Upstream(r, scripttest.Upstream{Names: namesOf(r.URL.Scheme, r.URL.Host), Kind: scripttest.Called})
	})
	h.proxy.UseFake(s.Clock, func(r *http.Request, t upstream.Try) (*http.Response, error) {
		u := scripttest.Upstream{Names: namesOf(r.URL.Scheme, r.URL.Host), Kind: scripttest.Proxied}
		if t.Dial != "" {
			u.Names = namesOf(t.Scheme, t.Dial)
		}
		if t.SRV {
			u.Names = append(u.Names, "srv+"+u.Names[len(u.Names)-1])
		}
		if t.Mirror {
			u.Kind = scripttest.Copied
		}
		resp, err := s.Upstream(r, u)
		if refused := new(scripttest.RefusedError); errors.As(err, &refused) {
			err = reverseproxy.NewDialError(err) // the next upstream may have any request
		}
		return resp, err
	})
}

// namesOf returns what an address may be called in a test: with its port, without, with the
// scheme.
func namesOf(scheme, address string) []string {
	host, _, err := net.SplitHostPort(address)
	if scheme == "" {
		scheme = "http"
	}
	if err != nil { // without a port, or a socket
		if strings.HasPrefix(address, "unix/") {
			return []string{address}
		}
		host = address
		address = net.JoinHostPort(strings.Trim(host, "[]"), map[string]string{"http": "80", "https": "443"}[scheme])
	}
	return []string{address, host, scheme + "://" + address, scheme + "://" + host}
}

// roundTripperFunc is an http.RoundTripper.
type roundTripperFunc func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripperFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Test is a handler in a test of its script.
type Test struct {
	h      *Handler
	app    *App
	cancel context.CancelFunc
	files  []string // that the configuration was made of
}

// scriptTests counts them: each has a VM of its own.
var scriptTests atomic.Uint64

// OpenTest is a scripttest.Opener. The script runs with a configuration, changed by
// what the test says itself. files are those that the configuration was made of. With an error
// the test is there as far as it has got, for Files, or it is nil.
func OpenTest(o scripttest.Options, config rovercaddyfile.Config, files []string) (_ *Test, err error) {
	base, err := caddyenv.Context()
	if err != nil {
		return nil, err
	}
	ctx, cancel := caddy.NewContext(base)
	config.Script = o.Script
	config.Name = fmt.Sprintf("test %d", scriptTests.Add(1))
	config.Watch, config.WatchInterval, config.Explain, config.Persist = false, 0, "", nil
	config.Set = maps.Clone(config.Set)
	if config.Set == nil {
		config.Set = map[string]string{}
	}
	maps.Copy(config.Set, o.Config)
	if o.Allow != nil {
		config.Allow = o.Allow
	}
	if o.Unmatched != "" {
		config.Unmatched = o.Unmatched
	}
	t := &Test{
		h:   &Handler{Config: config, stand: &standIns{o}},
		app: new(App), cancel: cancel, files: files,
	}
	t.app.init(o.Logger, nil)
	if err := t.h.provision(ctx, t.app); err != nil {
		t.Close()
		return t, err
	}
	if err := t.app.Start(); err != nil {
		t.Close()
		return t, err
	}
	for _, set := range t.app.scripts.Sets() {
		set.Ready()
	}
	return t, nil
}

// Serve implements scripttest.App.
func (t *Test) Serve(w http.ResponseWriter, r *http.Request) error {
	r = caddyenv.Prepare(r, w)
	err := t.h.ServeHTTP(w, r, caddyhttp.HandlerFunc(t.behind))
	var herr caddyhttp.HandlerError
	if errors.As(err, &herr) && herr.Err != nil {
		return &plainError{herr}
	}
	return err
}

// plainError says what went wrong, and not where in Caddy.
type plainError struct{ caddyhttp.HandlerError }

func (e *plainError) Error() string { return e.Err.Error() }

func (e *plainError) Unwrap() error { return e.HandlerError }

// behind is the next handler: the fake upstream "next".
func (t *Test) behind(w http.ResponseWriter, r *http.Request) error {
	resp, err := t.h.stand.Upstream(r, scripttest.Upstream{
		Names: []string{"next"}, Kind: scripttest.Behind, Others: upstream.Chosen(r.Context()),
	})
	if err != nil {
		return caddyhttp.Error(http.StatusBadGateway, err)
	}
	defer resp.Body.Close()
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, err = io.Copy(w, resp.Body)
	return err
}

// ErrorStatus implements scripttest.App.
func (t *Test) ErrorStatus(err error) int { return host{t.h}.ErrorStatus(err) }

// State implements scripttest.App.
func (t *Test) State(name string) (luart.Plain, bool, error) { return t.h.vm.State(name) }

// Generation returns what the script has loaded last.
func (t *Test) Generation() *luart.Generation { return t.h.script.Live() }

// Reload loads the script again.
func (t *Test) Reload(ctx context.Context) error { return t.h.Reload(ctx) }

// Files implements scripttest.App.
func (t *Test) Files() []string {
	files := slices.Clone(t.files)
	for _, set := range t.app.scripts.Sets() {
		files = append(files, set.Files()...)
	}
	return files
}

// Close implements scripttest.App. The hook on_stop does not run.
func (t *Test) Close() {
	_ = errors.Join(t.app.Cleanup(), t.h.Cleanup()) // what else could be done
	t.cancel()
}

// Interface guards
var _ scripttest.App = (*Test)(nil)
