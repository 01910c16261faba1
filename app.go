package rover

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/persist"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App starts and stops the scripts of a config, and reloads them while it runs: their
// on_start hooks run when the config has been taken, before the first request that a rover
// directive gets. Background work that a script began while it loaded (rover.spawn,
// rover.after, rover.every, rover.cron) runs from then on, until the config is replaced. A
// config that is only validated, or refused because of another module, runs none of it.
//
// It also finds the Lua functions that other modules of the config name, and refuses to
// start without one of them, and collects the metrics of the scripts, in the registry of
// the config.
//
// It needs no configuration: the rover handlers of a config load it.
type App struct {
	// AdminEval lets POST /rover/eval of the admin API run Lua code in live VMs. Whoever may
	// use the admin API can then do what the scripts can.
	AdminEval bool `json:"admin_eval,omitempty"`

	programs  []*program     // of the config, provisioned; complete when Start is called
	handlers  []*Handler     // likewise
	functions []*functionRef // likewise
	config    caddy.Context
	storage   persist.Storage
	logger    *zap.Logger

	clashes sync.Map // metrics that the log has said cannot be collected

	// reloading is held by what gives handlers other generations, so that functions are
	// looked for in what will be live.
	reloading sync.Mutex

	started chan struct{} // closed when Start has returned
	failed  error         // of Start; set before started is closed

	running context.Context // of hooks and reloads; ends with Stop
	stop    context.CancelFunc
	work    sync.WaitGroup // on_ready, watchers
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "rover",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision registers the metrics, and for the event that tells that Caddy serves.
func (a *App) Provision(ctx caddy.Context) error {
	a.init(ctx.Logger())
	a.config, a.storage = ctx, ctx.Storage()
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

func (a *App) init(logger *zap.Logger) {
	a.logger = logger
	a.started = make(chan struct{})
	a.running, a.stop = context.WithCancel(context.Background())
}

// add makes a handler known that is being provisioned, and loads its script.
func (a *App) add(h *Handler) error {
	var p *program
	for _, other := range a.programs {
		if other.vm == h.vm {
			p = other
		}
	}
	if p == nil {
		p = &program{app: a, vm: h.vm, version: h.vm.takeNumber(), more: make(chan struct{}, 1)}
		p.beginLoad(false)
		a.programs = append(a.programs, p)
	}
	a.handlers = append(a.handlers, h)
	return p.add(h)
}

// Start checks that the functions that the config names are there, has the scripts take
// over from those of an earlier config (on_reload), and begins their work.
func (a *App) Start() error {
	a.failed = a.start()
	if a.failed == nil {
		liveApps.add(a)
	}
	close(a.started)
	return a.failed
}

func (a *App) start() error {
	for _, f := range a.functions {
		if _, err := f.findIn(a.handlers, (*Handler).newest); err != nil {
			return err
		}
	}
	for i, p := range a.programs {
		if err := p.begin(); err != nil {
			a.stop()
			a.work.Wait()
			for _, began := range a.programs[:i] { // Caddy does not stop what has not started
				began.end()
			}
			return err
		}
	}
	a.warnOfTemplates()
	return nil
}

// Stop ends the work of the scripts: their on_stop hooks run.
func (a *App) Stop() error {
	liveApps.remove(a)
	a.stop()
	a.work.Wait()
	var stopping sync.WaitGroup
	for _, p := range a.programs {
		stopping.Go(p.end)
	}
	stopping.Wait()
	return nil
}

// Cleanup forgets the config. Caddy also calls it when a module was refused.
func (a *App) Cleanup() error {
	a.stop()
	for _, p := range a.programs {
		if p.loadedAt.IsZero() {
			p.vm.giveBack(p.version)
		}
	}
	return nil
}

// liveApps are the apps that have started and not stopped, oldest first: one, or two while
// Caddy replaces a config. Caddy's own word for the active config lags behind: its servers
// already answer when it has none yet. Any goroutine may use it.
var liveApps appList

type appList struct {
	mu   sync.Mutex
	apps []*App
}

func (l *appList) add(a *App) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.apps = append(l.apps, a)
}

func (l *appList) remove(a *App) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.apps = slices.DeleteFunc(l.apps, func(other *App) bool { return other == a })
}

// newest returns the app that started last, or nil.
func (l *appList) newest() *App {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.apps) == 0 {
		return nil
	}
	return l.apps[len(l.apps)-1]
}

// onServing is told when Caddy serves a config.
type onServing struct{ app *App }

// Handle has the on_ready hooks run, in the background: Caddy holds its lock meanwhile.
func (o onServing) Handle(context.Context, caddy.Event) error {
	for _, p := range o.app.programs {
		o.app.work.Go(p.ready)
	}
	return nil
}

var errNotStarted = errors.New("the configuration has not started")

// await waits until the scripts may serve: Caddy starts its servers before or after them,
// as it happens. Any goroutine may call it.
func (a *App) await(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout) // Caddy may give up before it calls Start
	defer cancel()
	select {
	case <-a.started:
		if a.failed == nil {
			return nil
		}
	case <-ctx.Done():
	}
	return caddyhttp.Error(http.StatusServiceUnavailable, errNotStarted)
}

// Interface guards
var (
	_ caddy.App            = (*App)(nil)
	_ caddy.Provisioner    = (*App)(nil)
	_ caddy.CleanerUpper   = (*App)(nil)
	_ prometheus.Collector = (*App)(nil)
	_ caddyevents.Handler  = onServing{}
)
