package luart

import (
	"context"
	"errors"
	"time"

	pprof "github.com/google/pprof/profile"

	"github.com/caddy-rover/rover/luart/profile"
)

// ErrProfiling says that a profile of the VM is being made already.
var ErrProfiling = errors.New("a profile of this VM is being made already")

// Profile samples for a duration what the VM's Lua code does. A sample stands for
// profile.Period of VM time, in which no other Lua code ran; what waits is not sampled. Frames
// are Lua functions, "name file:line"; built-in functions, "[Go] string.rep"; and outermost
// the route or the kind of background work. It returns early with the error of ctx, with
// ErrProfiling, or when the VM is closed. Any goroutine may call it.
//
// A goroutine counts a sample in the budget at each period at which the VM is in use. The holder finds
// it before its next Lua instruction and notes what it is doing; so it is only the holder who looks at
// Lua values, and nothing is paid for while nobody asks. Samples that have come since the Lua code of a
// slice ended are found by the next slice, and charged to the one before: encoding its answer, for
// instance.
func (vm *VM) Profile(ctx context.Context, d time.Duration) (*pprof.Profile, error) {
	if !vm.profiling.TryLock() {
		return nil, ErrProfiling
	}
	defer vm.profiling.Unlock()
	p := profile.New()
	err := vm.inspect(ctx, func(running bool) {
		vm.budget.SetSampler(vm.noteSamples)
		vm.profile = p
		if running {
			vm.beginSamples(vm.cur)
		}
	})
	if err != nil {
		return nil, err
	}
	began := time.Now()
	vm.sample(ctx, d)
	// The end of ctx must not leave the profile on.
	err = vm.inspect(context.WithoutCancel(ctx), func(bool) {
		vm.budget.SetSampler(nil)
		vm.profile = nil
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	return p.End(time.Since(began))
}

// sample counts samples, for d or until ctx or the VM ends.
func (vm *VM) sample(ctx context.Context, d time.Duration) {
	t := time.NewTicker(profile.Period)
	defer t.Stop()
	end := time.NewTimer(d)
	defer end.Stop()
	for {
		select {
		case <-t.C:
			if vm.loop.Held() {
				vm.budget.Sample()
			}
		case <-end.C:
			return
		case <-ctx.Done():
			return
		case <-vm.stopping.Done():
			return
		}
	}
}

// beginSamples tells the profile that is being made that a slice of c begins. Only the holder may call
// it.
func (vm *VM) beginSamples(c *call) {
	where := c.where
	if c.x != nil && c.x.running != nil {
		where = c.x.running.where
	}
	vm.profile.Begin(c.name(), where, vm.budget.TakeSamples())
}

// noteSamples tells it what runs. Only the holder may call it.
func (vm *VM) noteSamples(n int64) {
	g := vm.cur.gen
	vm.profile.Note(vm.main.G.CurrentThread, profile.Script{Dir: g.dir, Sources: &g.sources, Env: g.env}, n)
}
