package luart

import (
	"context"
	"fmt"
	"time"

	"github.com/caddy-rover/rover/luart/glua"
)

// The states of a Call.
const (
	CallRuns    = "running"   // it has the VM
	CallWaits   = "waiting"   // others run meanwhile
	CallStreams = "streaming" // its answer is on its way, and no Lua of it runs
)

// Call is a piece of Lua work in flight: a request, a background task, a hook, or one of
// the functions of a rover.parallel.
type Call struct {
	ID     uint64 `json:"id"`               // unique in the VM
	Parent uint64 `json:"parent,omitempty"` // the Call that waits for it in rover.parallel; 0: none

	Name      string `json:"name"` // "GET /users/:id", or "rover.spawn of app.lua"
	Defined   string `json:"defined_at,omitempty"`
	Method    string `json:"method,omitempty"` // of the request
	Path      string `json:"path,omitempty"`   // "" for a task; without the query
	RequestID string `json:"request_id,omitempty"`
	Version   int    `json:"version"` // rover.version of its generation

	State string `json:"state"`
	// WaitsOn says what it waits for; empty when it runs.
	WaitsOn string `json:"waits_on,omitempty"`
	// Waited is for how long, Age how long ago it came, in seconds, within some 20 ms.
	Waited float64 `json:"waited_seconds"`
	Age    float64 `json:"age_seconds"`
	// Traceback is where it is, from the innermost call outwards.
	Traceback []string `json:"traceback,omitempty"`
}

// describe returns what c is. Only the holder may call it.
func (vm *VM) describe(c *call) Call {
	now := vm.budget.Now()
	d := Call{
		ID: vm.inflight.of(c).id, Name: c.name(), Version: c.gen.number,
		Age: seconds(now - c.arrived),
	}
	if c.parent != nil {
		d.Parent = vm.inflight.of(c.parent).id
	}
	if x := c.x; x != nil {
		if h := x.running; h != nil {
			d.Defined = h.where
		}
		if (x.match.Handler == nil || x.over != nil) && x.running != nil {
			d.Name = x.running.route
		}
		d.Method, d.Path, d.RequestID = x.r.Method, x.r.URL.Path, x.id
	} else {
		d.Defined = c.where
	}
	return d
}

// describeWait returns what the call of f is, which does not run. Only the holder may call it.
func (vm *VM) describeWait(f *inflight) Call {
	d := vm.describe(f.c)
	d.State, d.WaitsOn, d.Waited = f.state(), f.on.String(), seconds(vm.budget.Now()-f.since)
	return d
}

func seconds(ns int64) float64 { return time.Duration(max(ns, 0)).Seconds() }

// maxInFlight calls are told at once: looking at one takes the VM some microseconds.
const maxInFlight = 1000

// InFlight returns what is in flight in Lua now: first what runs, then what waits, the longest
// first, but at most limit of it (1000 if that is less), and how much more there is. Requests that
// are queued for the VM, or handed over for good, are not among it. It comes back within the
// current burst of a script that runs wild, and usually at once. Any goroutine may call it.
func (vm *VM) InFlight(ctx context.Context, limit int) (list []Call, more int, err error) {
	limit = max(1, min(limit, maxInFlight))
	err = vm.inspect(ctx, func(running bool) {
		if running {
			d := vm.describe(vm.cur)
			d.State, d.Traceback = CallRuns, glua.Traceback(vm.main.G.CurrentThread)
			list = append(list, d)
		}
		for f := vm.inflight.first; f != nil; f = f.next {
			if running && f.c == vm.cur { // a stream's producer
				continue
			}
			if len(list) >= limit {
				more++
				continue
			}
			d := vm.describeWait(f)
			if f.L != nil {
				d.Traceback = glua.Traceback(f.L)
			}
			list = append(list, d)
		}
	})
	return list, more, err
}

// UnknownCallError is the error of Kill for an id that is not in flight, or has been killed already.
type UnknownCallError struct {
	ID    uint64
	Again bool // it has been killed, and has not ended yet
}

func (e *UnknownCallError) Error() string {
	if e.Again {
		return fmt.Sprintf("call %d is being ended already", e.ID)
	}
	return fmt.Sprintf("there is no call %d in flight: it has ended, or never was", e.ID)
}

// Kill ends one call that is in flight, as InFlight told it: what it waits for, or runs,
// raises an error that it cannot catch. A request is answered with 503; nothing else
// is touched, but the functions of its rover.parallel, and for one of those its caller. It
// returns what the call was. Any goroutine may call it.
func (vm *VM) Kill(ctx context.Context, id uint64) (Call, error) {
	var killed *Call
	again := false
	err := vm.inspect(ctx, func(running bool) {
		if running {
			for c := vm.cur; c != nil; c = c.parent {
				if c.inflight != nil && c.inflight.id == id {
					if again = c.inflight.killed; again {
						return
					}
					d := vm.describe(c)
					d.State, d.Traceback = CallRuns, glua.Traceback(vm.main.G.CurrentThread)
					killed = &d
					c.inflight.kill()
					vm.budget.Kill(errKilled)
					break
				}
			}
		}
		for f := vm.inflight.first; f != nil; f = f.next {
			if f.id != id {
				continue
			}
			if again = killed == nil && f.killed; again {
				return
			}
			if killed == nil || f.c != vm.cur {
				d := vm.describeWait(f)
				killed = &d
			}
			f.kill()
			break
		}
	})
	switch {
	case err != nil:
		return Call{}, err
	case killed == nil:
		return Call{}, &UnknownCallError{id, again}
	}
	vm.killed.Add(1)
	return *killed, nil
}

// Interrupt ends the stretch of Lua that runs now, if one does: it raises an error that it cannot
// catch. It returns when that is so, when nothing runs, or when ctx ends. Any goroutine may call it.
func (vm *VM) Interrupt(ctx context.Context) {
	_ = vm.inspect(ctx, func(running bool) { // an error: ctx has ended, or the VM is closed
		if running && ctx.Err() == nil {
			vm.budget.Kill(errStopping)
		}
	})
}
