package handler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
)

// functionRef names a Lua function where another of Caddy's modules is to call it. The
// handler that loads the script may be provisioned later, so it is found when all are:
// when the config starts, which fails without it, or at the first request.
type functionRef struct {
	// The name that the script gave to rover.matcher or rover.policy. Required.
	Function string `json:"function,omitempty"`

	// The VM in which the function is: the name of a rover handler of this config, or the
	// path of its script. It may be left out where the config has only one.
	VM string `json:"vm,omitempty"`

	kind  luart.FunctionKind
	app   *App
	found atomic.Pointer[Handler] // whose script has it, as far as is known
}

// function is a Lua function with the handler that has loaded it.
type function struct {
	*luart.Function
	handler *Handler
}

// provision makes the reference known to the config's App.
func (f *functionRef) provision(ctx caddy.Context, kind luart.FunctionKind) error {
	if f.Function == "" {
		return fmt.Errorf("the name of a function is missing: the one that the script gives to rover.%s", kind)
	}
	a, err := ctx.App("rover")
	if err != nil {
		return err
	}
	app := a.(*App)
	f.kind = kind
	f.VM = caddy.NewReplacer().ReplaceAll(f.VM, "")
	f.app = app
	app.functions = append(app.functions, f)
	return nil
}

// unmarshal parses "<function> [<vm>]", which must end the line.
//
// Not safe for concurrent use.
func (f *functionRef) unmarshal(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return d.ArgErr()
	}
	f.Function = args[0]
	if len(args) == 2 {
		f.VM = args[1]
	}
	if d.NextBlock(d.Nesting()) {
		return d.Err("a block is not allowed here: rover <function> [<vm>]")
	}
	return nil
}

// find returns the function as the newest scripts have it. Any goroutine may call it.
func (f *functionRef) find(ctx context.Context) (*function, error) {
	h := f.found.Load()
	if h == nil {
		if err := f.app.await(ctx, functionPatience); err != nil {
			return nil, err
		}
	} else if fn := h.script.Live().Function(f.kind, f.Function); fn != nil {
		return &function{fn, h}, nil
	}
	found, err := f.findIn(f.app.handlers, (*scripts.Script).Newest)
	if err == nil {
		f.found.Store(found.handler)
	}
	return found, err
}

// functionPatience is how long a request waits for a config that is starting: as long as
// Caddy may take for it.
const functionPatience = rovercaddyfile.DefaultTimeout

// findIn looks for the function in what the handlers of a config have loaded, which newest
// returns.
func (f *functionRef) findIn(handlers []*Handler, newest func(*scripts.Script) *luart.Generation) (*function, error) {
	asked := fmt.Sprintf("rover %s %q", f.kind, f.Function)
	if len(handlers) == 0 {
		return nil, fmt.Errorf("%s: no script is loaded: this config needs a rover directive; its script registers the function with rover.%s(%q, f)",
			asked, f.kind, f.Function)
	}
	var vms, has []string
	for _, h := range handlers {
		if !slices.Contains(vms, h.vm.Name) {
			vms = append(vms, h.vm.Name)
		}
	}
	if f.VM == "" && len(vms) > 1 {
		return nil, fmt.Errorf("%s: this config has %d VMs: say in which one the function is, after its name: %s", asked, len(vms), strings.Join(vms, ", "))
	}
	path, _ := filepath.Abs(f.VM)
	var found *function
	in := 0
	for _, h := range handlers {
		if f.VM != "" && h.vm.Name != f.VM && h.script.Path() != path {
			continue
		}
		in++
		has = append(has, newest(&h.script).Functions(f.kind)...)
		fn := newest(&h.script).Function(f.kind, f.Function)
		switch {
		case fn == nil:
		case found == nil:
			found = &function{fn, h}
		case found.handler.script.Path() != h.script.Path() || found.handler.vm.Name != h.vm.Name:
			return nil, fmt.Errorf("%s: both %s (VM %s) and %s (VM %s) register it", asked, found.handler.script.Path(), found.handler.vm.Name, h.script.Path(), h.vm.Name)
		}
	}
	switch {
	case found != nil:
		return found, nil
	case in == 0:
		return nil, fmt.Errorf("%s: no rover directive of this config has the name or the script %q; there are: %s", asked, f.VM, strings.Join(vms, ", "))
	case len(has) == 0:
		return nil, fmt.Errorf("%s: the script registers none: rover.%s(%q, f) does, at its top level", asked, f.kind, f.Function)
	}
	slices.Sort(has)
	return nil, fmt.Errorf("%s: the script does not register it; it has: %s", asked, strings.Join(slices.Compact(has), ", "))
}

// functionError makes an error for the site's error routes of what asking a function
// returned.
func (h *Handler) functionError(route string, err error) error {
	var serr *luart.ScriptError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &serr):
		return caddyhttp.Error(serr.Status, serr)
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return caddyhttp.Error(luart.StatusClientClosed, err)
	}
	return caddyhttp.Error(http.StatusServiceUnavailable, h.overloaded(route, err))
}
