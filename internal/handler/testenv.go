package handler

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/internal/upstream"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/handshake"
	"github.com/caddy-rover/rover/luart/policy"
	"github.com/caddy-rover/rover/luart/reqbody"
	"github.com/caddy-rover/rover/luart/scripttest"
)

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
	config.Script = rovercaddyfile.LiteralPath(o.Script)
	config.Name = fmt.Sprintf("test %d", scriptTests.Add(1))
	config.Watch, config.WatchInterval, config.Explain, config.Persist = false, 0, "", nil
	config.Set = maps.Clone(config.Set)
	if config.Set == nil {
		config.Set = map[string]string{}
	}
	maps.Copy(config.Set, o.Config)
	if o.Allow != nil {
		config.AllowOnly(o.Allow)
	}
	if o.Unmatched != "" {
		config.Unmatched = o.Unmatched
	}
	t := &Test{
		h:   &Handler{Config: config, fakes: &fakes{Options: o}},
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
	ctx, end := context.WithCancel(r.Context())
	defer end() // as a server does
	r = caddyenv.Prepare(r.WithContext(ctx), w)
	return bare(t.h.ServeHTTP(w, r, caddyhttp.HandlerFunc(t.behind)))
}

// ServeTraced is Serve, and returns what became of the request, which neither the response nor
// the log says.
func (t *Test) ServeTraced(w http.ResponseWriter, r *http.Request) (*Trace, error) {
	r = caddyenv.Prepare(r, w)
	luart.FrameConnect(r)
	reqbody.HoldToLength(r)
	tr, r := t.h.newTracer(w, r)
	tr.sent = true // not to be
	err := bare(t.h.serve(tr, r, caddyhttp.HandlerFunc(t.behind), tr))
	if err != nil {
		tr.record.Record("error", err.Error())
	}
	return tr.trace(), err
}

// Match implements scripttest.App, by the matcher that Caddy has.
func (t *Test) Match(name string, w http.ResponseWriter, r *http.Request) (bool, error) {
	m := Matcher{t.function(name, luart.MatcherFunction)}
	matched, err := m.MatchWithError(caddyenv.Prepare(r, w))
	return matched, bare(err)
}

// Choose implements scripttest.App, by the function that the policy asks that Caddy has. What a pool
// knows of upstreams only a reverse_proxy can say.
func (t *Test) Choose(name string, w http.ResponseWriter, r *http.Request, upstreams []policy.Upstream) (int, error) {
	ref := t.function(name, luart.PolicyFunction)
	f, err := ref.find(r.Context())
	if err != nil {
		return -1, err
	}
	for i, u := range upstreams {
		upstreams[i].Host = dialHost(u.Dial)
	}
	chosen, err := f.choose(caddyenv.Prepare(r, w), upstreams)
	return chosen, bare(err)
}

// Permit implements scripttest.App.
func (t *Test) Permit(ctx context.Context, name, serverName string) (bool, error) {
	serverName, err := handshake.Name(serverName)
	if err != nil {
		return false, err
	}
	ref := t.function(name, luart.PermissionFunction)
	f, err := ref.find(ctx)
	if err != nil {
		return false, err
	}
	answer, err := f.Permit(ctx, serverName)
	return answer.Value, err
}

// Certify implements scripttest.App.
func (t *Test) Certify(ctx context.Context, name, serverName string) (*tls.Certificate, error) {
	serverName, err := handshake.Name(serverName)
	if err != nil {
		return nil, err
	}
	ref := t.function(name, luart.CertificateFunction)
	f, err := ref.find(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := f.certify(ctx, serverName, true)
	return answer.Value.Certificate, err
}

func (t *Test) function(name string, kind luart.FunctionKind) functionRef {
	return functionRef{Function: name, kind: kind, app: t.app}
}

// bare returns an error that says what went wrong, and not where in Caddy.
func bare(err error) error {
	var herr caddyhttp.HandlerError
	if errors.As(err, &herr) && herr.Err != nil {
		return &bareError{herr}
	}
	return err
}

// bareError is a HandlerError without where in Caddy it was made.
type bareError struct{ caddyhttp.HandlerError }

func (e *bareError) Error() string { return e.Err.Error() }

func (e *bareError) Unwrap() error { return e.HandlerError }

// behind is the next handler: the fake upstream "next".
func (t *Test) behind(w http.ResponseWriter, r *http.Request) error {
	resp, err := t.h.fakes.Upstream(r, scripttest.Upstream{
		Names: []string{"next"}, Kind: scripttest.Behind, Others: upstream.Chosen(r.Context()),
	})
	if err != nil && r.Context().Err() != nil {
		w.WriteHeader(luart.StatusClientClosed) // as Caddy's reverse_proxy
		return nil
	}
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
	_ = errors.Join(t.app.Cleanup(), t.h.Cleanup(), t.h.fakes.removeFolders()) // what else could be done
	t.cancel()
}

// Interface guards
var _ scripttest.App = (*Test)(nil)
