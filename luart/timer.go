package luart

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/cron"
	"github.com/caddy-rover/rover/luart/luaval"
)

const (
	// maxTimers of a VM may be armed at once: a handler that arms one for each request
	// would otherwise fill the memory. Each costs some 300 bytes.
	maxTimers = 10_000

	// maxDelay is a year: beyond it there is a mistake in the unit.
	maxDelay = 365 * 24 * time.Hour

	// minInterval of rover.every: less would keep the VM busy with timers alone.
	minInterval = time.Millisecond

	// clockCheck is how often a cron timer looks at the wall clock, which may be set.
	clockCheck = time.Minute
)

// timer calls a function at a later time. Its fields are the holder's, except that
// at does not change while the timer is armed.
type timer struct {
	backgroundTask
	g       *Generation
	delay   time.Duration             // from the start to the first call
	next    func(time.Time) time.Time // the first call after that time; nil: there is one only
	wall    bool                      // at is a time of the wall clock
	at      time.Time                 // when the call is due
	timer   *clock.Timer              // nil: not armed yet
	running bool                      // the function runs or waits
	dropped bool                      // it is not armed and will not be
	stopped bool                      // by the script
}

// after is rover.after(seconds, f): it calls f(premature) once, in the background, when
// the time is over. premature is true, and the call early, when the script is replaced
// or the server stops before that. The timer it returns has t:stop(). While the script
// loads the time does not run: it begins when the server starts. Errors: seconds
// negative or beyond a year; more than maxTimers timers.
func (g *Generation) after(L *lua.LState) int {
	return g.addTimer(L, "rover.after", &timer{delay: checkDelay(L, 0)})
}

// every is rover.every(seconds, f): it calls f(premature) again and again, first after
// that time. A call that is due while the last one has not returned is left out. The
// last call of all has premature = true: the script is being replaced, or the server
// stops. The timer it returns has t:stop(). An error in f is logged, and the timer goes
// on. Errors: less than a millisecond or more than a year; more than maxTimers timers.
func (g *Generation) every(L *lua.LState) int {
	interval := checkDelay(L, minInterval)
	t := &timer{delay: interval}
	t.next = func(now time.Time) time.Time {
		return t.at.Add((now.Sub(t.at)/interval + 1) * interval)
	}
	return g.addTimer(L, "rover.every", t)
}

// cron is rover.cron(spec, f): rover.every at the times of a cron specification:
// "minute hour day month weekday", in the time zone of the server, or of
// "CRON_TZ=Europe/Berlin 0 6 * * *"; or one of @hourly @daily @weekly @monthly @yearly. See
// cron.Parse. Errors: a specification that cannot be read or never comes true.
func (g *Generation) cron(L *lua.LState) int {
	spec := luaval.CheckString(L, 1)
	schedule, err := cron.Parse(spec, g.vm.clock.Now())
	if err != nil {
		luaval.ArgError(L, 1, err.Error())
	}
	return g.addTimer(L, "rover.cron", &timer{next: schedule.Next, wall: true})
}

func checkDelay(L *lua.LState, least time.Duration) time.Duration {
	seconds := luaval.CheckNumber(L, 1)
	if !(seconds >= least.Seconds() && seconds <= maxDelay.Seconds()) {
		luaval.ArgError(L, 1, fmt.Sprintf("seconds between %v and %.0f expected", least.Seconds(), maxDelay.Seconds()))
	}
	return time.Duration(seconds * float64(time.Second))
}

// addTimer completes t and arms it, at once or when the generation starts.
func (g *Generation) addTimer(L *lua.LState, kind string, t *timer) int {
	g.checkBackground(L, kind)
	t.g, t.backgroundTask = g, backgroundTask{kind: kind, fn: luaval.CheckFunction(L, 2), where: luaval.CallerLine(L)}
	if g.vm.timers >= maxTimers {
		L.RaiseError("%s: %d timers are armed, the limit", kind, maxTimers)
	}
	if g.retired.Err() != nil { // a request in flight on a replaced script
		t.dropped = true
		g.launch(&t.backgroundTask, true)
	} else {
		g.vm.timers++
		g.armed++
		g.timers[t] = g.armed
		if g.started {
			t.arm()
		}
	}
	L.Push(luaval.NewObject(g.vm.types.timer, t))
	return 1
}

// arm makes t fire when its next call is due. Only the holder may call it.
func (t *timer) arm() {
	c := t.g.vm.clock
	now := c.Now()
	switch {
	case !t.at.IsZero(): // again, early or late
	case t.wall:
		t.at = t.next(now)
	default:
		t.at = now.Add(t.delay)
	}
	d := -c.Since(t.at)
	if t.wall && c == nil {
		d = min(d, clockCheck)
	}
	t.g.vm.background.Add(1) // until fire returns, or drop has stopped it
	t.timer = c.AfterFunc(d, t.fire)
}

// drop takes care that there is no further call. Only the holder may call it.
func (t *timer) drop() {
	if t.dropped {
		return
	}
	t.dropped = true
	delete(t.g.timers, t)
	t.g.vm.timers--
	if t.timer != nil && t.timer.Stop() {
		t.g.vm.background.Done()
	}
}

// fire is what the armed timer does, on a goroutine of its own.
func (t *timer) fire() {
	vm := t.g.vm
	defer vm.background.Done()
	_ = vm.loop.DoAdmitted(func(th *thread) error { // an error: the VM is closed
		switch {
		case t.dropped:
		case vm.clock.Now().Before(t.at):
			t.arm()
		default:
			t.run(th)
		}
		return nil
	})
}

// run calls the function and arms t again.
func (t *timer) run(th *thread) {
	t.running = true
	t.g.vm.tasks++
	if t.next == nil {
		t.drop()
	}
	t.g.runTask(th, &t.backgroundTask, false)
	t.g.vm.tasks--
	t.running = false
	switch {
	case !t.dropped:
		t.at = t.next(t.g.vm.clock.Now())
		t.arm()
	case t.next != nil && !t.stopped:
		t.g.launch(&t.backgroundTask, true) // it was retired meanwhile
	}
}

// timerMethods are those of what rover.after, rover.every and rover.cron return.
var timerMethods = map[string]lua.LGFunction{
	// t:stop(): there is no further call, not even the last one; one that runs goes on.
	"stop": func(L *lua.LState) int {
		ud, _ := L.Get(1).(*lua.LUserData)
		if ud != nil {
			if t, ok := ud.Value.(*timer); ok {
				t.stopped = true
				t.drop()
				return 0
			}
		}
		luaval.ArgError(L, 1, "timer expected, got "+luaval.TypeName(L.Get(1))+" (call t:stop() with a colon)")
		return 0
	},
}
