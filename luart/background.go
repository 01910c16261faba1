package luart

import (
	"context"
	"maps"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/scripterror"
)

const (
	// maxTasks background tasks of a VM may run or wait at once: each costs about
	// 20 KiB while it waits.
	maxTasks = 1024

	// retireGrace is how long background tasks of a replaced generation may go on with
	// work under way elsewhere, an HTTP request for instance. Idle waits end at once.
	retireGrace = 5 * time.Second
)

// background is what a generation does without a request: tasks and timers. They
// begin when the generation starts and end when it retires.
//
// The contexts end once and may be looked at by any goroutine; the rest is the
// holder's.
type background struct {
	started  bool
	replaced bool              // it has retired: nothing is kept for it
	due      []*backgroundTask // spawned before the start
	timers   map[*timer]uint64 // armed, or to be armed at the start; in order of the number
	armed    uint64

	ctx     context.Context // of tasks: ends retireGrace after the retirement
	cancel  context.CancelCauseFunc
	retired context.Context
	retire  context.CancelFunc
}

func newBackground(vm *VM) background {
	b := background{timers: map[*timer]uint64{}}
	b.ctx, b.cancel = context.WithCancelCause(vm.stopping)
	b.retired, b.retire = context.WithCancel(vm.stopping)
	return b
}

// backgroundTask is a function that runs without a request.
type backgroundTask struct {
	kind  string // rover.spawn, …
	fn    *lua.LFunction
	where string // file:line of what made it
}

// startBackground begins the background work. Only the holder may call it.
func (g *Generation) startBackground() {
	if g.started || g.replaced {
		return
	}
	g.started = true
	due := g.due
	g.due = nil
	for _, t := range due {
		g.launch(t, false)
	}
	for _, t := range g.timersInOrder() {
		t.arm()
	}
}

// Retire ends the generation's background work: timers that are armed call their
// function once more, with premature = true; idle waits of tasks (rover.sleep, locks,
// channels) raise an error; what else tasks wait for may take another retireGrace.
// Requests in flight are not touched. A second call does nothing: it does not wait for the VM either. Any
// goroutine may call it.
func (g *Generation) Retire() {
	if g.retired.Err() != nil && g.vm.stopping.Err() == nil { // by a call before, not with the VM
		return
	}
	_ = g.vm.loop.DoAdmitted(func(*thread) error { g.retireHeld(); return nil })
}

// retireHeld is Retire for the holder.
func (g *Generation) retireHeld() {
	if g.replaced { // not retired: that ends with the VM's grace, too, and then its timers are still armed
		return
	}
	g.retire()
	g.replaced = true
	g.vm.loop.DropSpare()
	for _, do := range g.onRetire {
		g.vm.guardLibrary(do)
	}
	delete(g.vm.live, g)
	for _, t := range g.timersInOrder() {
		t.drop()
		if g.started && !t.running {
			g.launch(&t.backgroundTask, true)
		}
	}
	g.due = nil
	cancel := g.cancel // not g: the timer must not keep the whole generation
	grace := time.AfterFunc(retireGrace, func() { cancel(errRetired) })
	context.AfterFunc(g.ctx, func() { grace.Stop() }) // the VM ends before that
}

// livesOn reports whether there is another version of the script. Only the holder may call it.
func (g *Generation) livesOn() bool {
	if g.vm.closing {
		return false
	}
	for other := range g.vm.live {
		if other != g && other.name == g.name {
			return true
		}
	}
	return false
}

func (g *Generation) timersInOrder() []*timer {
	return slices.SortedFunc(maps.Keys(g.timers), func(a, b *timer) int {
		return int(g.timers[a]) - int(g.timers[b])
	})
}

// retireAll retires every generation and refuses new background work, so that what
// there is can be waited for. Any goroutine may call it.
func (vm *VM) retireAll() {
	_ = vm.loop.DoAdmitted(func(*thread) error {
		vm.closing = true
		for g := range vm.live {
			g.retireHeld()
		}
		return nil
	})
}

// spawnLua is rover.spawn(f): it calls f(premature) in the background, soon. premature
// is true when the script has been replaced meanwhile. f is no part of the request: it
// has no timeout, its ctx is over when the request is, and an error in it is logged.
// While the script loads f is kept until the server starts. Errors: more than maxTasks
// tasks.
func (g *Generation) spawnLua(L *lua.LState) int {
	g.spawn(L, &backgroundTask{kind: "rover.spawn", fn: luaval.CheckFunction(L, 1), where: luaval.CallerLine(L)})
	return 0
}

// spawn runs t in the background. It raises in L when there are too many.
func (g *Generation) spawn(L *lua.LState, t *backgroundTask) {
	g.checkBackground(L, t.kind)
	if g.vm.tasks+len(g.due) >= maxTasks {
		L.RaiseError("%s: %d background tasks are running, the limit", t.kind, maxTasks)
	}
	switch retired := g.retired.Err() != nil; {
	case g.started || retired:
		g.launch(t, retired)
	default:
		g.due = append(g.due, t)
	}
}

// checkBackground raises in L when the VM is about to end, or when background work of a
// replaced script wants more of it: a timer that arms itself would never end, and with
// premature = true it would not even wait. What a request in flight begins is begun once, so
// that it may.
func (g *Generation) checkBackground(L *lua.LState, kind string) {
	if g.vm.closing {
		L.RaiseError("%s: %s", kind, errStopping)
	}
	if g.retired.Err() != nil && g.vm.cur.x == nil {
		L.RaiseError("%s: the script has been replaced", kind)
	}
}

// launch runs t on a goroutine of its own. Only the holder may call it.
func (g *Generation) launch(t *backgroundTask, premature bool) {
	g.vm.tasks++
	g.vm.clock.Begin(1)
	g.vm.background.Go(func() {
		defer g.vm.clock.End()
		_ = g.vm.loop.DoAdmitted(func(th *thread) error { // an error: the VM is closed
			defer func() { g.vm.tasks-- }()
			g.runTask(th, t, premature)
			return nil
		})
	})
}

// runTask calls t's function and logs its error.
func (g *Generation) runTask(th *thread, t *backgroundTask, premature bool) {
	c := &call{gen: g, ctx: g.ctx, retired: g.retired, kind: t.kind, where: t.where}
	g.vm.start(c, th)
	defer c.done()
	_, err := g.vm.call1(c, t.fn, lua.LBool(premature))
	if err == nil {
		return
	}
	log := g.logger.Error
	if c.waitErr != nil { // it was told to end
		log = g.logger.Debug
	} else {
		g.recordError(c.name(), t.where, err)
	}
	log("background task failed", append(scripterror.LogFields(g.explain(err)),
		zap.String("task", t.kind),
		zap.String("defined_at", t.where),
		zap.String("error", err.Whole()),
		zap.String("traceback", err.Traceback))...)
}
