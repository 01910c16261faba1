package scripttest

import (
	"context"
	"crypto/tls"
	"net/http"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/coverage"
	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/policy"
)

// App is a script that runs, for one test.
type App interface {
	// Serve answers a request. Responses that are passed on or proxied come from Options.Upstream.
	// An error is one that the error routes of the server would answer.
	Serve(w http.ResponseWriter, r *http.Request) error

	// ErrorStatus is the status that an error of Serve is answered with.
	ErrorStatus(err error) int

	// Match asks a function that the script has given to rover.matcher. w is not written to.
	Match(name string, w http.ResponseWriter, r *http.Request) (bool, error)

	// Choose asks a function that the script has given to rover.policy for one of the upstreams,
	// all of which are available. It returns the index, or -1 for none of them.
	Choose(name string, w http.ResponseWriter, r *http.Request, upstreams []policy.Upstream) (int, error)

	// Permit asks a function that the script has given to rover.tls_permission for a name.
	Permit(ctx context.Context, name, serverName string) (bool, error)

	// Certify asks a function that the script has given to rover.tls_certificate for a certificate
	// that may be shown to a client which asks for a name; nil is none.
	Certify(ctx context.Context, name, serverName string) (*tls.Certificate, error)

	// State returns a copy of rover.state(name).
	State(name string) (state luart.Plain, ok bool, err error)

	// Files are those that the script was loaded from, and that it looked for.
	Files() []string

	// Close ends it.
	Close()
}

// Opener loads a script and starts it. What it has read until an error is in files.
type Opener func(ctx context.Context, o Options) (app App, files []string, err error)

// Options say what the script of a test runs with.
type Options struct {
	Script string // its file
	Settings

	Seed  *uint64 // of what is random; nil: nobody can predict it
	Clock *clock.Clock

	Coverage *coverage.Report // told what of the script has run; nil: nobody wants to know
	Logger   *zap.Logger

	// Upstream answers in the place of the network, and of the handler behind the script.
	Upstream func(r *http.Request, u Upstream) (*http.Response, error)
}

// Settings are what a file of tests may say itself, instead of the server's configuration.
type Settings struct {
	Config    map[string]string // rover.config, in addition
	Allow     []string          // nil: as configured
	Env       map[string]string // the whole environment
	Unmatched string            // "": as configured
	Geo       geo.Source        // what rover.geo asks; nil: the files that are configured
}

// Upstream is who is asked.
type Upstream struct {
	Names  []string // what it may be called, the most exact first
	Kind   Kind
	Others []string // of Behind: what the script gave to ctx:upstream
}

// Kind is why an upstream is asked.
type Kind int

const (
	Behind  Kind = iota // it is the next handler
	Proxied             // the request was handed over to it
	Copied              // the same, and nobody wants the answer
	Called              // the script asks it, with rover.http
)
