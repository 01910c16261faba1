package handler

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/gcfloor"
	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/persist"
)

func init() {
	caddy.RegisterModule(new(App))
	httpcaddyfile.RegisterGlobalOption("rover", parseGlobalOption)
}

// App starts and stops the scripts of a config, and reloads them while it runs: their
// on_start hooks run when the config has been taken, before the first request that a rover
// directive gets. Background work that a script began while it loaded (rover.spawn,
// rover.after, rover.every, rover.cron) runs from then on, until another config has changed
// the script, or has it no more. A config that is only validated, or refused because of another
// module, runs none of it.
//
// It also finds the Lua functions that other modules of the config name, and refuses to
// start without one of them, and collects the metrics of the scripts, in the registry of
// the config.
//
// It needs no configuration: the rover handlers of a config load it.
type App struct {
	rovercaddyfile.Global

	heapFloor *gcfloor.Wish // nil: none, as where no Caddy runs
	floor     *gcfloor.Floor
	scripts   *scripts.Group
	handlers  []*Handler     // of the config, provisioned; complete when Start is called
	functions []*functionRef // that the config names; complete when Start is called
	config    caddy.Context
	logger    *zap.Logger

	clashes sync.Map // metrics that the log has said cannot be collected

	started  chan struct{} // closed when Start has returned
	startErr error         // of Start; set before started is closed
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "rover",
		New: func() caddy.Module { return new(App) },
	}
}

// parseGlobalOption reads the global option. Caddy keeps nothing of an earlier one but its JSON, so only
// the place of the second is known.
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		d.Next() // before it there is no file and line
		return nil, d.Err("the global option rover is given twice: it has one block with all its options")
	}
	var app App
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "rover", Value: caddyconfig.JSON(&app, nil)}, nil
}

// Provision registers the metrics, and for the event that tells that Caddy serves.
func (a *App) Provision(ctx caddy.Context) error {
	a.init(ctx.Logger(), ctx.Storage()) // first: Cleanup is called whatever fails
	a.config = ctx
	if a.heapFloor = (&gcfloor.Wish{Bytes: gcfloor.Default}); a.GCFloor != nil {
		a.heapFloor = &gcfloor.Wish{Bytes: *a.GCFloor, Chosen: true}
	}
	events, err := ctx.App("events")
	if err != nil {
		return err
	}
	if err := events.(*caddyevents.App).On("started", onServing{a}); err != nil {
		return err
	}
	registry := ctx.GetMetricsRegistry()
	return errors.Join(registry.Register(a), registry.Register(scriptMetrics{a}))
}

func (a *App) init(logger *zap.Logger, storage persist.Storage) {
	a.logger = logger
	a.started = make(chan struct{})
	a.scripts = scripts.NewGroup(scripts.Options{
		Logger: logger, Storage: storage, Check: a.checkFunctions, Eval: a.AdminEval,
	})
}

// add makes a handler known that is being provisioned, and loads its script.
func (a *App) add(h *Handler) error {
	a.handlers = append(a.handlers, h)
	return a.scripts.Add(h.vm, &h.script)
}

// Start checks that the functions that the config names are there, has the scripts take
// over from those of an earlier config (on_reload), and begins their work.
func (a *App) Start() error {
	a.startErr = a.start()
	close(a.started)
	return a.startErr
}

func (a *App) start() error {
	markPlaces(a.config)
	if err := a.checkFunctions((*scripts.Script).Newest); err != nil {
		return err
	}
	if err := a.scripts.Start(); err != nil {
		return err
	}
	a.warnOfTemplates()
	if a.heapFloor != nil {
		a.floor = gcfloor.Hold(*a.heapFloor, a.logger)
	}
	return nil
}

// checkFunctions says whether what scripts have loaded, which newest returns, has the functions
// that the config names.
func (a *App) checkFunctions(newest func(*scripts.Script) *luart.Generation) error {
	for _, f := range a.functions {
		if _, err := f.findIn(a.handlers, newest); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the work of the scripts: their on_stop hooks run.
func (a *App) Stop() error {
	a.scripts.Stop()
	if a.floor != nil {
		a.floor.Release()
	}
	return nil
}

// Cleanup forgets the config. Caddy also calls it when a module was refused.
func (a *App) Cleanup() error {
	a.scripts.Cleanup()
	return nil
}

// onServing is told when Caddy serves a config.
type onServing struct{ app *App }

// Handle has the on_ready hooks run, in the background: Caddy holds its lock meanwhile.
func (o onServing) Handle(context.Context, caddy.Event) error {
	o.app.scripts.Ready()
	return nil
}

// await waits until the scripts may serve: Caddy starts its servers before or after them,
// as it happens. Any goroutine may call it.
func (a *App) await(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout) // Caddy may give up before it calls Start
	defer cancel()
	select {
	case <-a.started:
		if a.startErr == nil {
			return nil
		}
	case <-ctx.Done():
	}
	return caddyhttp.Error(http.StatusServiceUnavailable, scripts.ErrNotStarted)
}

// Interface guards
var (
	_ caddy.App            = (*App)(nil)
	_ caddy.Provisioner    = (*App)(nil)
	_ caddy.Validator      = (*App)(nil)
	_ caddy.CleanerUpper   = (*App)(nil)
	_ prometheus.Collector = (*App)(nil)
	_ caddyevents.Handler  = onServing{}
)
