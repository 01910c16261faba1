package handler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/libraries"
	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/internal/upstream"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/store"
)

func init() {
	caddy.RegisterModule(new(Handler))
	httpcaddyfile.RegisterDirective("rover", parseDirective)
	// In front of templates, which would run what Lua answers as a template: {{ … }} that a client
	// has sent reads files and the environment.
	httpcaddyfile.RegisterDirectiveOrder("rover", httpcaddyfile.Before, "templates")
}

// Handler runs a Lua script in front of the handlers after it. The script answers a
// request, changes and passes it on, or hands it over to upstreams of its choice; see
// the README for what it can do.
//
// All handlers with the same name (by default: the same script) share one Lua VM, and
// with it rover.state, also across config reloads.
type Handler struct {
	rovercaddyfile.Config

	app          *App
	vm           *scripts.VM // nil: none acquired
	script       scripts.Script
	store        store.Store // nil: the VM's own
	proxy        *upstream.Proxy
	files        *fileServers
	explainKey   string // "": no request is traced
	logger       *zap.Logger
	fakes        *fakes // of a test of the script; nil: it serves
	releaseStore func() error

	refusing atomic.Int64 // unix time of the last log line about refused requests
	unasked  atomic.Int64 // likewise, about limits whose store does not answer
	unnamed  atomic.Int64 // likewise, about TLS handshakes for too many names
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.rover",
		New: func() caddy.Module { return new(Handler) },
	}
}

// parseDirective makes a route of a rover directive.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	matcher, err := rovercaddyfile.TakeMatcher(h)
	if err != nil {
		return nil, err
	}
	config, err := rovercaddyfile.Parse(h)
	if err != nil {
		return nil, err
	}
	return h.NewRoute(matcher, &Handler{Config: config}), nil
}

// Provision loads the script. An error leaves what an earlier config loaded as it is.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.App("rover")
	if err != nil {
		return err
	}
	return h.provision(ctx, app.(*App))
}

func (h *Handler) provision(ctx caddy.Context, app *App) error {
	h.app = app
	h.logger = ctx.Logger()
	if h.fakes != nil {
		h.logger = h.fakes.Logger
	}
	h.SetDefaults()
	if err := h.Validate(); err != nil { // Caddy validates after provisioning: too late for us
		return err
	}
	var err error
	repl := caddy.NewReplacer()
	if h.explainKey, err = h.newExplainKey(repl); err != nil {
		return err
	}
	in := placeholders{repl: repl, test: h.fakes != nil}
	path, err := filepath.Abs(in.expand("script", h.Script))
	if err != nil {
		return fmt.Errorf("finding script %q: %w", h.Script, err)
	}
	folders := make(files.Grants, len(h.AllowFS))
	for i, folder := range h.AllowFS {
		dir, err := filepath.Abs(in.expand("allow fs", folder.Dir))
		if err != nil {
			return fmt.Errorf("finding folder %q: %w", folder.Dir, err)
		}
		folders[i] = files.Folder{Dir: dir, ReadOnly: folder.ReadOnly}
	}
	geo := make([]string, len(h.Geo))
	for i, file := range h.Geo {
		if geo[i], err = filepath.Abs(in.expand("geo", file)); err != nil {
			return fmt.Errorf("finding geo file %q: %w", file, err)
		}
	}
	values := make(map[string]string, len(h.Set))
	for k, v := range h.Set {
		values[k] = in.expand("set "+k, v)
	}
	h.SetStore(cmp.Or(h.Store, app.Store), func(s string) string { return in.expand("store", s) })
	if in.err != nil {
		return in.err
	}
	h.script.Options = h.optionsOf(path, values, folders, geo) // before Caddy takes the options of proxy away
	block, lean := h.Proxy.Block()
	if h.proxy, err = upstream.NewProxy(ctx, block, lean); err != nil {
		return err
	}
	if h.files, err = newFileServers(ctx); err != nil {
		return err
	}
	h.vm, err = scripts.Acquire(cmp.Or(h.Name, path),
		luart.VMOptions{Limits: h.limits(), Logger: h.logger, Clock: h.fakes.clock(), Coverage: h.fakes.coverage()}, h.Memory)
	if err != nil {
		return err
	}
	if h.fakes != nil {
		h.Store = nil // tests of scripts begin with nothing, and go by their own clock
	}
	if h.store, h.releaseStore, err = acquireStore(h.Store, cmp.Or(h.Name, path), h.logger); err != nil {
		return err
	}
	if err := h.checkLibraries(app.handlers); err != nil {
		return err
	}
	if h.script.Settings, err = h.newSettings(ctx, path, values, folders); err != nil {
		return err
	}
	h.script.Limits = &scripts.Limits{Limits: h.limits(), Memory: h.Memory}
	h.script.Geo = geo
	h.script.Watch, h.script.WatchInterval = h.Watch, time.Duration(h.WatchInterval)
	if h.Persist != nil {
		interval, maxSize := h.Persist.Settings()
		h.script.Persist = &scripts.Persist{Interval: interval, MaxSize: maxSize}
	}
	if h.fakes != nil {
		if err := h.fakes.copyFolders(folders); err != nil {
			return err
		}
		h.fakes.install(h)
	}
	return app.add(h)
}

// newSettings makes what all generations of the script have in common.
func (h *Handler) newSettings(ctx caddy.Context, path string, values map[string]string, folders files.Grants) (luart.Script, error) {
	var net *outbound.Policy
	if slices.Contains(h.Allow, rovercaddyfile.AllowNet) {
		var err error
		if net, err = outbound.ParsePolicy(h.AllowNet); err != nil {
			return luart.Script{}, err
		}
	}
	env, err := environ.ParsePolicy(h.AllowEnv)
	if err != nil {
		return luart.Script{}, err
	}
	libs, err := libraries.Load(ctx, &h.Config)
	if err != nil {
		return luart.Script{}, err
	}
	return luart.Script{
		Path:          path,
		Respond:       h.Unmatched == rovercaddyfile.UnmatchedRespond,
		Timeout:       time.Duration(h.Timeout),
		Burst:         time.Duration(h.Burst),
		MaxBody:       h.MaxBody,
		MaxUpload:     h.MaxUpload,
		BodyMinRate:   *h.BodyMinRate,
		Debug:         h.Debug,
		OnFailure:     failPolicies[h.OnFailure],
		Quarantine:    quarantinePolicy(h.Quarantine),
		Files:         folders,
		CheckMount:    CheckMount,
		AllowEnv:      slices.Contains(h.Allow, rovercaddyfile.AllowEnv),
		Getenv:        os.LookupEnv,
		Environ:       os.Environ,
		EnvPolicy:     env,
		Net:           net,
		Config:        values,
		Libraries:     libs,
		NotGiven:      libraries.NotGiven(&h.Config),
		Store:         h.store,
		CheckUpstream: upstream.CheckAddress,
		Logger:        h.logger,
	}, nil
}

var failPolicies = map[string]luart.FailPolicy{
	rovercaddyfile.FailClosed: luart.FailClosed,
	rovercaddyfile.Fail500:    luart.FailClosed,
	rovercaddyfile.FailPass:   luart.FailPass,
}

// quarantinePolicy returns what the option quarantine says, nil for nothing.
func quarantinePolicy(option string) *luart.FailPolicy {
	policy, ok := failPolicies[option]
	if !ok {
		return nil
	}
	return &policy
}

// Cleanup gives the VM back. Caddy also calls it when Provision failed.
func (h *Handler) Cleanup() error {
	var errs []error
	if h.proxy != nil {
		errs = append(errs, h.proxy.Cleanup())
	}
	h.script.Retire()
	if h.vm != nil {
		errs = append(errs, h.vm.Release())
	}
	if h.releaseStore != nil {
		errs = append(errs, h.releaseStore())
	}
	return errors.Join(errs...)
}

// Reload loads the scripts of the handler's VM again, from their files, while requests go on.
// See scripts.Set.Reload.
func (h *Handler) Reload(ctx context.Context) error { return h.script.Reload(ctx) }

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
