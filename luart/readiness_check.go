package luart

import (
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/health"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// dependencyCheck asks the function of a dependency, from the start of the script to its end: again
// and again, and never while it has not answered. Its fields are the holder's.
type dependencyCheck struct {
	g       *Generation
	name    string
	fn      *lua.LFunction
	where   string
	at      time.Time // when it is due next
	timer   *clock.Timer
	dropped bool
}

// startReadiness begins to ask the functions of dependencies, and goes on with what the version
// before knew of them. Only the holder may call it.
func (g *Generation) startReadiness() {
	if g.replaced {
		return
	}
	var before *Generation
	for other := range g.vm.live {
		if other != g && other.started && other.dir == g.dir && other.name == g.name && (before == nil || other.serial > before.serial) {
			before = other
		}
	}
	if before != nil {
		g.readiness.dependencies.Inherit(&before.readiness.dependencies)
	}
	for _, check := range g.readiness.checks {
		check.arm(0)
	}
}

// arm has the function asked in d. Only the holder may call it.
func (c *dependencyCheck) arm(d time.Duration) {
	vm := c.g.vm
	c.at = vm.clock.Now().Add(d)
	vm.background.Add(1) // until fire returns, or drop has stopped it
	c.timer = vm.clock.AfterFunc(d, c.fire)
}

// drop takes care that the function is not asked any more. Only the holder may call it.
func (c *dependencyCheck) drop() {
	if c.dropped {
		return
	}
	c.dropped = true
	if c.timer != nil && c.timer.Stop() {
		c.g.vm.background.Done()
	}
}

// fire is what the timer does, on a goroutine of its own. The time runs from here: where nobody gets
// the VM, the dependency has not answered.
func (c *dependencyCheck) fire() {
	vm := c.g.vm
	defer vm.background.Done()
	c.g.readiness.dependencies.Begin(c.name, vm.clock.Now())
	_ = vm.loop.DoAdmitted(func(th *thread) error { // an error: the VM is closed
		if c.dropped {
			return nil
		}
		vm.tasks++
		c.ask(th)
		vm.tasks--
		if !c.dropped {
			interval := c.g.readiness.Interval
			c.arm(max(0, interval-vm.clock.Since(c.at)%interval))
		}
		return nil
	})
}

// ask calls the function, and notes what it has said. Only the holder may call it.
func (c *dependencyCheck) ask(th *thread) {
	g := c.g
	vm, r := g.vm, &g.readiness
	call := &call{gen: g, ctx: g.ctx, retired: g.retired, kind: "dependency " + c.name, where: c.where}
	call.deadline = int64(vm.clock.Since(vm.made) + r.Timeout)
	vm.start(call, th)
	defer call.done()
	ok, said, err := vm.call2(call, c.fn)
	reason := ""
	switch {
	case c.dropped: // it was told to end
		return
	case err != nil && errors.Is(call.waitErr, errTimeout):
		reason = fmt.Sprintf("no answer within %v", r.Timeout)
	case err != nil:
		reason = err.Message
	case lua.LVAsBool(ok):
	case said != lua.LNil:
		reason = said.String()
	case ok == lua.LNil:
		reason = "the function has returned nothing: true or false expected"
	}
	up := err == nil && lua.LVAsBool(ok)
	if !r.dependencies.End(c.name, up, reason) {
		return
	}
	if up {
		g.logger.Info("dependency is available", zap.String("dependency", c.name))
		return
	}
	fields := []zap.Field{zap.String("dependency", c.name), zap.String("reason", health.CutReason(reason)), zap.String("defined_at", c.where)}
	if err != nil {
		g.recordError(call.name(), c.where, err)
		fields = append(fields, scripterror.LogFields(g.explain(err))...)
	}
	g.logger.Warn("dependency is not available", fields...)
}
