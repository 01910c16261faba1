package luart

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	pprof "github.com/google/pprof/profile"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/glua"
)

// ErrProfiling says that a profile of the VM is being made already.
var ErrProfiling = errors.New("a profile of this VM is being made already")

// samplePeriod is how often the VM is looked at: about 100 times a second, but not in step
// with timers of 10 ms.
const samplePeriod = 9901 * time.Microsecond

// profile is what samples of a VM have found. It is the holder's until sampling has ended.
//
// A goroutine counts a tick in budget.samples at each samplePeriod at which the VM is in use.
// The holder finds it before its next Lua instruction and notes what it is doing; so it
// is only the holder who looks at Lua values, and nothing is paid for while nobody asks. Ticks
// that have come since the Lua code of a slice ended are found by the next slice, and charged
// to the one before: encoding its answer, for instance.
type profile struct {
	vm  *VM
	out *pprof.Profile

	root      string // the name of the slice's call; "": none has begun
	rootAt    string // where that is defined
	functions map[any]*pprof.Function
	locations map[location]*pprof.Location
	samples   map[string]*pprof.Sample
	goNames   map[*Generation]map[*lua.LFunction]string
}

type location struct {
	fn   *pprof.Function
	line int
}

func newProfile(vm *VM) *profile {
	mapping := &pprof.Mapping{ID: 1, File: "lua", HasFunctions: true, HasFilenames: true, HasLineNumbers: true}
	return &profile{
		vm: vm,
		out: &pprof.Profile{
			SampleType: []*pprof.ValueType{{Type: "samples", Unit: "count"}, {Type: "vm", Unit: "nanoseconds"}},
			PeriodType: &pprof.ValueType{Type: "vm", Unit: "nanoseconds"},
			Period:     int64(samplePeriod),
			Mapping:    []*pprof.Mapping{mapping},
			TimeNanos:  time.Now().UnixNano(),
		},
		functions: map[any]*pprof.Function{},
		locations: map[location]*pprof.Location{},
		samples:   map[string]*pprof.Sample{},
		goNames:   map[*Generation]map[*lua.LFunction]string{},
	}
}

// Profile samples for a duration what the VM's Lua code does. A sample stands for
// samplePeriod of VM time, in which no other Lua code ran; what waits is not sampled. Frames
// are Lua functions, "name file:line"; built-in functions, "[Go] string.rep"; and outermost
// the route or the kind of background work. It returns early with the error of ctx, with
// ErrProfiling, or when the VM is closed. Any goroutine may call it.
func (vm *VM) Profile(ctx context.Context, d time.Duration) (*pprof.Profile, error) {
	if !vm.profiling.TryLock() {
		return nil, ErrProfiling
	}
	defer vm.profiling.Unlock()
	p := newProfile(vm)
	b := vm.budget
	err := vm.inspect(ctx, func(running bool) {
		b.samples.Store(0)
		b.profile = p
		if running {
			p.begin(vm.cur)
		}
	})
	if err != nil {
		return nil, err
	}
	began := time.Now()
	vm.tick(ctx, d)
	// The end of ctx must not leave the profile on.
	err = vm.inspect(context.WithoutCancel(ctx), func(bool) { b.profile = nil })
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	p.out.DurationNanos = int64(time.Since(began))
	return p.out, p.out.CheckValid()
}

// tick counts ticks, for d or until ctx or the VM ends.
func (vm *VM) tick(ctx context.Context, d time.Duration) {
	t := time.NewTicker(samplePeriod)
	defer t.Stop()
	end := time.NewTimer(d)
	defer end.Stop()
	for {
		select {
		case <-t.C:
			if vm.loop.Held() {
				vm.budget.samples.Add(1)
				vm.budget.clock.Store(alarm)
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

// begin is told that a slice of c begins. Only the holder may call it.
func (p *profile) begin(c *call) {
	if n := p.vm.budget.samples.Swap(0); n > 0 && p.root != "" {
		p.add(n, []*pprof.Location{p.goLocation("outside of Lua"), p.rootLocation()})
	}
	p.root, p.rootAt = c.name(), c.where
	if c.x != nil && c.x.running != nil {
		p.rootAt = c.x.running.where
	}
}

// note records what runs, for n ticks. Only the holder may call it, between two instructions, or
// where Go code looks at the burst.
func (p *profile) note(n int64) {
	if p.root == "" {
		return
	}
	stack := glua.Stack(p.vm.main.G.CurrentThread)
	list := make([]*pprof.Location, 0, len(stack)+2)
	gen := p.vm.cur.gen
	for i, f := range stack {
		if f.Function.IsG {
			if name := p.goName(gen, f.Function, f.Name); name != "" {
				list = append(list, p.goLocation(name))
			}
			continue
		}
		if i == 0 {
			if fn, called := justCalled(p.vm.main.G.CurrentThread, f); fn != nil {
				if name := p.goName(gen, fn, called); name != "" {
					list = append(list, p.goLocation(name))
					f.PC-- // the call
				}
			}
		}
		list = append(list, p.location(location{p.function(gen, f.Function.Proto), f.Line()}))
	}
	if len(list) == 0 { // an answer is made of what a function has returned
		list = append(list, p.goLocation("outside of Lua"))
	}
	p.add(n, append(list, p.rootLocation()))
}

func (p *profile) add(n int64, stack []*pprof.Location) {
	key := make([]byte, 0, 8*len(stack))
	for _, l := range stack {
		key = binary.LittleEndian.AppendUint64(key, l.ID)
	}
	s := p.samples[string(key)]
	if s == nil {
		s = &pprof.Sample{
			Location: stack, Value: []int64{0, 0},
			Label: map[string][]string{"route": {p.root}},
		}
		p.samples[string(key)] = s
		p.out.Sample = append(p.out.Sample, s)
	}
	s.Value[0] += n
	s.Value[1] += n * int64(samplePeriod)
}

// location returns a place, which there is one of.
func (p *profile) location(at location) *pprof.Location {
	l := p.locations[at]
	if l == nil {
		l = &pprof.Location{
			ID: uint64(len(p.locations) + 1), Mapping: p.out.Mapping[0],
			Line: []pprof.Line{{Function: at.fn, Line: int64(at.line)}},
		}
		p.locations[at] = l
		p.out.Location = append(p.out.Location, l)
	}
	return l
}

// named returns the function that a key stands for, which describe makes.
func (p *profile) named(key any, describe func() pprof.Function) *pprof.Function {
	f := p.functions[key]
	if f == nil {
		made := describe()
		f = &made
		f.ID = uint64(len(p.functions) + 1)
		f.SystemName = f.Name
		p.functions[key] = f
		p.out.Function = append(p.out.Function, f)
	}
	return f
}

func (p *profile) goLocation(name string) *pprof.Location {
	return p.location(location{p.named(name, func() pprof.Function { return pprof.Function{Name: "[Go] " + name} }), 0})
}

// rootLocation is the slice's call as the outermost function.
func (p *profile) rootLocation() *pprof.Location {
	return p.location(location{p.named("\x00"+p.root, func() pprof.Function {
		return pprof.Function{Name: p.root, Filename: p.rootAt}
	}), 0})
}

// function returns a Lua function of g.
func (p *profile) function(g *Generation, proto *lua.FunctionProto) *pprof.Function {
	return p.named(proto, func() pprof.Function {
		f := pprof.Function{Filename: proto.SourceName, StartLine: int64(proto.LineDefined)}
		name := chunk.Unnamed
		if file := g.sources.Get(proto.SourceName); file != nil {
			f.Filename = filepath.Join(g.dir, proto.SourceName)
			name = file.FunctionAt(proto.LineDefined)
		}
		if proto.LineDefined == 0 {
			f.Name = "main chunk " + proto.SourceName
			return f
		}
		f.Name = fmt.Sprintf("%s %s:%d", name, proto.SourceName, proto.LineDefined)
		return f
	})
}
