package rover

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App tells the scripts of a config that it has been taken: background work that a
// script began while it loaded (rover.spawn, rover.after, rover.every, rover.cron) runs
// from then on, until the config is replaced. A config that is only validated, or
// refused because of another module, runs none of it.
//
// It also finds the Lua functions that other modules of the config name, and refuses to
// start without one of them, and collects the metrics of the scripts, in the registry of
// the config.
//
// It needs no configuration: the rover handlers of a config load it.
type App struct {
	handlers  []*Handler     // of the config, provisioned; complete when Start is called
	functions []*functionRef // likewise
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "rover",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision registers the metrics.
func (a *App) Provision(ctx caddy.Context) error {
	return ctx.GetMetricsRegistry().Register(a)
}

// Start checks that the functions that the config names are there, and begins the
// background work of the scripts.
func (a *App) Start() error {
	for _, f := range a.functions {
		if _, err := f.find(); err != nil {
			return err
		}
	}
	for _, h := range a.handlers {
		h.gen.Start()
	}
	return nil
}

// Stop ends it.
func (a *App) Stop() error {
	for _, h := range a.handlers {
		h.gen.Retire()
	}
	return nil
}

// Interface guards
var (
	_ caddy.App            = (*App)(nil)
	_ caddy.Provisioner    = (*App)(nil)
	_ prometheus.Collector = (*App)(nil)
)
