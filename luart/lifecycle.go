package luart

import (
	"context"
	"fmt"
	"sync/atomic"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// The hooks of a generation's life: names directly on api. A script gives each one
// function by assignment, api.on_start = f, which replaces what was there, or any number
// by calling api.on_start(f). They run in the order in which they were given.
const (
	onCheck  = "on_check"  // at the end of a load
	onReload = "on_reload" // before the generation takes over from an earlier one
	onStart  = "on_start"  // before its first request
	onReady  = "on_ready"  // when the server serves
	onStop   = "on_stop"   // when the generation ends

	onShutdown = "on_shutdown" // another name of on_stop
)

// lifecycle is what a generation has been told to do in the course of its life, and how
// far it has come.
type lifecycle struct {
	hooks   map[string][]api.Definition // the holder's until the script has loaded; then they do not change
	begun   atomic.Bool                 // Start has been called
	readied atomic.Bool                 // on_ready has been called
	stopped atomic.Bool                 // on_stop has been called

	ready    context.Context // of on_ready: ends with the generation
	cutReady context.CancelFunc
	isReady  chan struct{} // closed when on_ready has ended
}

// open readies it for a generation that ends with retired.
func (l *lifecycle) open(retired context.Context) {
	l.hooks, l.isReady = map[string][]api.Definition{}, make(chan struct{})
	l.ready, l.cutReady = context.WithCancel(retired)
}

// setHook gives a hook its function, or one more. It raises in L once the script has
// loaded.
func (g *Generation) setHook(L *lua.LState, name string, fn *lua.LFunction, more bool) {
	if g.tree != nil {
		L.RaiseError("api.%s: the script has loaded; hooks are given at its top level", name)
	}
	if name == onShutdown {
		name = onStop
	}
	d := api.Definition{Name: name, Fn: fn, Where: luaval.CallerLine(L)}
	switch {
	case name == "on_error":
		g.onError = newHandler(d, name)
	case more:
		g.life.hooks[name] = append(g.life.hooks[name], d)
	default:
		g.life.hooks[name] = []api.Definition{d}
	}
}

// callHook calls one function of a hook with the timeout and the burst of a request. It
// ends with ctx. Only the holder may call it, with the results until its next call.
func (g *Generation) callHook(ctx context.Context, th *thread, d api.Definition, args ...lua.LValue) (first, second lua.LValue, err *ScriptError) {
	vm := g.vm
	c := &call{gen: g, ctx: ctx, kind: d.Name}
	if g.timeout > 0 {
		c.deadline = int64(vm.clock.Since(vm.made) + g.timeout)
	}
	vm.start(c, th)
	defer c.done()
	return vm.call2(c, d.Fn, args...)
}

// check calls on_check. The error says why the script refuses to be used.
func (g *Generation) check(ctx context.Context, th *thread) error {
	for _, d := range g.life.hooks[onCheck] {
		ok, why, serr := g.callHook(ctx, th, d)
		switch {
		case serr != nil:
			g.explain(serr)
			return fmt.Errorf("%s: %w", onCheck, serr)
		case lua.LVAsBool(ok) || ok == lua.LNil && why == lua.LNil:
		case why == lua.LNil:
			return fmt.Errorf("%s: %s returned false", d.Where, onCheck)
		default:
			return fmt.Errorf("%s: %s: %s", d.Where, onCheck, why.String())
		}
	}
	return nil
}

// Migrate calls on_reload(old_version, state): state has all tables of rover.state by
// name, the tables themselves. What a function that fails has changed in them stays
// changed. The error, the first one, says that the generation must not be used. Any
// goroutine may call it.
func (g *Generation) Migrate(ctx context.Context, oldVersion int) error {
	for _, d := range g.life.hooks[onReload] {
		err := g.vm.loop.DoAdmitted(func(th *thread) error {
			states := g.vm.main.CreateTable(0, len(g.vm.states))
			for name, t := range g.vm.states {
				states.RawSetString(name, t)
			}
			if _, _, serr := g.callHook(ctx, th, d, lua.LNumber(oldVersion), states); serr != nil {
				g.explain(serr)
				return fmt.Errorf("%s: %w", onReload, serr)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Start begins the generation's work: it calls on_start, and then begins the background
// work, what the script gave to rover.spawn, rover.after, rover.every and rover.cron until
// now. A generation that is never started, because the configuration it belongs to is not
// taken, has done nothing. A second call does nothing. Any goroutine may call it.
func (g *Generation) Start(ctx context.Context) {
	if !g.life.begun.CompareAndSwap(false, true) {
		return
	}
	g.callHooks(ctx, onStart)
	_ = g.vm.loop.DoAdmitted(func(*thread) error { // an error: the VM is closed
		g.startReadiness() // while the version before is there
		g.startBackground()
		return nil
	})
}

// Ready calls on_ready: the server serves. It ends with ctx, and with the generation. A second call
// does nothing. Any goroutine may call it, after Start.
func (g *Generation) Ready(ctx context.Context) {
	if g.life.readied.CompareAndSwap(false, true) {
		defer context.AfterFunc(ctx, g.life.cutReady)()
		g.callHooks(g.life.ready, onReady)
		g.life.cutReady()
		close(g.life.isReady)
	}
}

// Stop calls on_stop, if Start has been called, and retires the generation. An on_ready that still
// runs ends first. on_stop ends with ctx. A second call does nothing. Any goroutine may call it.
func (g *Generation) Stop(ctx context.Context) {
	if g.life.begun.Load() && g.life.stopped.CompareAndSwap(false, true) {
		g.life.cutReady()
		if !g.life.readied.CompareAndSwap(false, true) {
			select {
			case <-g.life.isReady:
			case <-ctx.Done():
			}
		}
		g.callHooks(ctx, onStop)
	}
	g.Retire()
}

// callHooks calls the functions of a hook and logs their errors. Any goroutine may call
// it, when the script has loaded.
func (g *Generation) callHooks(ctx context.Context, name string) {
	for _, d := range g.life.hooks[name] {
		_ = g.vm.loop.DoAdmitted(func(th *thread) error { // an error: the VM is closed
			if _, _, err := g.callHook(ctx, th, d); err != nil {
				g.recordError(name+" of "+g.name, d.Where, err)
				g.logger.Error("hook failed", append(scripterror.LogFields(g.explain(err)),
					zap.String("hook", name),
					zap.String("defined_at", d.Where),
					zap.String("error", err.Whole()),
					zap.String("traceback", err.Traceback))...)
			}
			return nil
		})
	}
}
