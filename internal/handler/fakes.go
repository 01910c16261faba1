package handler

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/internal/upstream"
	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/coverage"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/scripttest"
)

// fakes take the place of the world around a handler, in tests of its script: the time,
// the network, the environment, the log.
type fakes struct {
	scripttest.Options
	folders files.Grants // those of the script, with copies of those that it may write in
	temp    string       // where they are
}

// clock returns the time that scripts go by; nil is the system's.
func (f *fakes) clock() *clock.Clock {
	if f == nil {
		return nil
	}
	return f.Clock
}

// coverage returns what is told which lines of scripts run; nil: nothing is.
func (f *fakes) coverage() *coverage.Report {
	if f == nil {
		return nil
	}
	return f.Coverage
}

// install puts the fakes into a handler that is being provisioned.
func (f *fakes) install(h *Handler) {
	h.script.Settings.Getenv = func(name string) (string, bool) { v, ok := f.Env[name]; return v, ok }
	h.script.Settings.Environ = func() (all []string) {
		for name, value := range f.Env {
			all = append(all, name+"="+value)
		}
		return all
	}
	h.script.Settings.Seed = f.Seed
	h.script.Settings.Files = f.folders
	if f.Geo != nil {
		h.script.Settings.Geo, h.script.Geo = f.Geo, nil
	}
	h.script.Settings.FakeNetwork = roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return f.Upstream(r, scripttest.Upstream{Names: namesOf(r.URL.Scheme, r.URL.Host), Kind: scripttest.Called})
	})
	h.proxy.UseFake(f.Clock, func(r *http.Request, t upstream.Try) (*http.Response, error) {
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
		resp, err := f.Upstream(r, u)
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
