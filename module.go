// Package rover is a Caddy plugin that runs a Lua script in front of services: the
// rover directive, the handler http.handlers.rover.
//
// One script is one Lua VM with one writer. A request is matched against the script's
// routes in Go; what no route or hook wants goes to the next handler untouched. The
// rest enters the VM through package eventloop and comes back with a decision: answer,
// pass on, or proxy. Package luart is what the script sees, package caddyfile the
// configuration.
package rover

import (
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
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/outbound"
)

func init() {
	caddy.RegisterModule(new(Handler))
	httpcaddyfile.RegisterHandlerDirective("rover", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("rover", httpcaddyfile.Before, "handle")
}

// Handler runs a Lua script in front of the handlers after it. The script answers a
// request, changes and passes it on, or hands it over to upstreams of its choice; see
// the README for what it can do.
//
// All handlers with the same name (by default: the same script) share one Lua VM, and
// with it rover.state, also across config reloads.
type Handler struct {
	rovercaddyfile.Config

	vm       *luart.VM
	vmKey    string // in vms; empty: none acquired
	path     string // of the script, absolute
	gen      *luart.Generation
	proxy    *proxy
	logger   *zap.Logger
	refusing atomic.Int64 // unix time of the last log line about refused requests
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.rover",
		New: func() caddy.Module { return new(Handler) },
	}
}

func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	config, err := rovercaddyfile.Parse(h)
	if err != nil {
		return nil, err
	}
	return &Handler{Config: config}, nil
}

// vms are the Lua VMs in use, by name. One lives as long as a config names it; a new
// config is provisioned before the old one is cleaned up, so it keeps the VM.
var vms = caddy.NewUsagePool()

// stopGrace is how long handlers that still wait may go on when their VM ends. The
// servers have waited for their requests before that (grace_period), so what is left
// has outlived that already.
const stopGrace = 5 * time.Second

// sharedVM is a VM in vms.
type sharedVM struct{ *luart.VM }

// Destruct ends the VM when no config names it any more.
func (s sharedVM) Destruct() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if cut := s.Close(ctx); cut > 0 {
		caddy.Log().Named("http.handlers.rover").Warn("handlers were cut short", zap.Int("count", cut))
	}
	return nil
}

// Provision loads the script. An error leaves what an earlier config loaded as it is.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	h.SetDefaults()
	if err := h.Validate(); err != nil { // Caddy validates after provisioning: too late for us
		return err
	}
	var err error
	if h.proxy, err = newProxy(ctx, h.Proxy); err != nil {
		return err
	}
	repl := caddy.NewReplacer()
	path, err := filepath.Abs(repl.ReplaceAll(h.Script, ""))
	if err != nil {
		return fmt.Errorf("finding script %q: %w", h.Script, err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading script: %w", err)
	}
	h.path = path
	if err := h.acquireVM(path); err != nil {
		return err
	}
	var net *outbound.Policy
	if slices.Contains(h.Allow, rovercaddyfile.AllowNet) {
		if net, err = outbound.ParsePolicy(h.AllowNet); err != nil {
			return err
		}
	}
	config := make(map[string]string, len(h.Set))
	for k, v := range h.Set {
		config[k] = repl.ReplaceAll(v, "")
	}
	h.gen, err = h.vm.Load(ctx, luart.Script{
		Path: path, Source: source,
		Respond:       h.Unmatched == rovercaddyfile.UnmatchedRespond,
		Timeout:       time.Duration(h.Timeout),
		Burst:         time.Duration(h.Burst),
		MaxBody:       h.MaxBody,
		MaxUpload:     h.MaxUpload,
		Debug:         h.Debug,
		OnFailure:     failPolicies[h.OnFailure],
		Quarantine:    quarantinePolicy(h.Quarantine),
		AllowEnv:      slices.Contains(h.Allow, rovercaddyfile.AllowEnv),
		Getenv:        os.LookupEnv,
		Net:           net,
		Config:        config,
		CheckUpstream: checkUpstream,
		Logger:        h.logger,
	})
	if err != nil {
		return fmt.Errorf("loading script %q: %w%s", path, err, luart.Details(err))
	}
	app, err := ctx.App("rover")
	if err != nil {
		return err
	}
	app.(*App).handlers = append(app.(*App).handlers, h)
	return nil
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

// acquireVM takes the VM that the handler names from vms, or puts a new one there.
func (h *Handler) acquireVM(path string) error {
	key := h.Name
	if key == "" {
		key = path
	}
	v, loaded, err := vms.LoadOrNew(key, func() (caddy.Destructor, error) {
		return sharedVM{luart.NewVM(luart.VMOptions{Limits: h.limits(), Logger: h.logger})}, nil
	})
	if err != nil {
		return err
	}
	h.vm, h.vmKey = v.(sharedVM).VM, key
	h.vm.SetMemory(h.Memory)
	if loaded {
		if got := h.vm.SetLimits(h.limits()); got < h.Queue {
			h.logger.Warn("the queue of a running VM cannot grow that far; it will with the next restart",
				zap.String("vm", key), zap.Int("queue", h.Queue), zap.Int("in_force", got))
		}
	}
	return nil
}

// Cleanup gives the VM back. Caddy also calls it when Provision failed.
func (h *Handler) Cleanup() error {
	var errs []error
	if h.proxy != nil {
		errs = append(errs, h.proxy.cleanup())
	}
	if h.gen != nil {
		h.gen.Retire()
	}
	if h.vmKey != "" {
		_, err := vms.Delete(h.vmKey)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
