package profile

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"time"

	pprof "github.com/google/pprof/profile"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/glua"
)

// Period is how often a VM is to be looked at: about 100 times a second, but not in step with
// timers of 10 ms.
const Period = 9901 * time.Microsecond

// Recorder makes a profile of what a VM does. Only the holder of the VM may use it, until sampling has
// ended.
type Recorder struct {
	out *pprof.Profile

	root      string // the name of the slice's call; "": none has begun
	rootAt    string // where that is defined
	functions map[any]*pprof.Function
	locations map[location]*pprof.Location
	samples   map[string]*pprof.Sample
	goNames   map[*lua.LTable]map[*lua.LFunction]string // by the globals of a script
}

// Script is what a Recorder has to know of the script that runs.
type Script struct {
	Dir     string // its folder
	Sources *chunk.Files
	Env     *lua.LTable // its globals
}

type location struct {
	fn   *pprof.Function
	line int
}

// New returns a Recorder of a profile that begins now.
func New() *Recorder {
	mapping := &pprof.Mapping{ID: 1, File: "lua", HasFunctions: true, HasFilenames: true, HasLineNumbers: true}
	return &Recorder{
		out: &pprof.Profile{
			SampleType: []*pprof.ValueType{{Type: "samples", Unit: "count"}, {Type: "vm", Unit: "nanoseconds"}},
			PeriodType: &pprof.ValueType{Type: "vm", Unit: "nanoseconds"},
			Period:     int64(Period),
			Mapping:    []*pprof.Mapping{mapping},
			TimeNanos:  time.Now().UnixNano(),
		},
		functions: map[any]*pprof.Function{},
		locations: map[location]*pprof.Location{},
		samples:   map[string]*pprof.Sample{},
		goNames:   map[*lua.LTable]map[*lua.LFunction]string{},
	}
}

// End returns the profile, which has taken a while.
func (p *Recorder) End(took time.Duration) (*pprof.Profile, error) {
	p.out.DurationNanos = int64(took)
	return p.out, p.out.CheckValid()
}

// Begin is told that a slice of VM time begins, of what, and where that is defined. n samples have come
// since the Lua code of the slice before ended, and belong to that.
func (p *Recorder) Begin(root, at string, n int64) {
	if n > 0 && p.root != "" {
		p.add(n, []*pprof.Location{p.goLocation("outside of Lua"), p.rootLocation()})
	}
	p.root, p.rootAt = root, at
}

// Note records what runs in L, code of a script, for n samples. It is called between two instructions,
// or where Go code looks at the burst.
func (p *Recorder) Note(L *lua.LState, script Script, n int64) {
	if p.root == "" {
		return
	}
	stack := glua.Stack(L)
	list := make([]*pprof.Location, 0, len(stack)+2)
	for i, f := range stack {
		if f.Function.IsG {
			if name := p.goName(script.Env, f.Function, f.Name); name != "" {
				list = append(list, p.goLocation(name))
			}
			continue
		}
		if i == 0 {
			if fn, called := justCalled(L, f); fn != nil {
				if name := p.goName(script.Env, fn, called); name != "" {
					list = append(list, p.goLocation(name))
					f.PC-- // the call
				}
			}
		}
		list = append(list, p.location(location{p.function(script, f.Function.Proto), f.Line()}))
	}
	if len(list) == 0 { // an answer is made of what a function has returned
		list = append(list, p.goLocation("outside of Lua"))
	}
	p.add(n, append(list, p.rootLocation()))
}

func (p *Recorder) add(n int64, stack []*pprof.Location) {
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
	s.Value[1] += n * int64(Period)
}

// location returns a place, which there is one of.
func (p *Recorder) location(at location) *pprof.Location {
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
func (p *Recorder) named(key any, describe func() pprof.Function) *pprof.Function {
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

func (p *Recorder) goLocation(name string) *pprof.Location {
	return p.location(location{p.named(name, func() pprof.Function { return pprof.Function{Name: "[Go] " + name} }), 0})
}

// rootLocation is the slice's call as the outermost function.
func (p *Recorder) rootLocation() *pprof.Location {
	return p.location(location{p.named("\x00"+p.root, func() pprof.Function {
		return pprof.Function{Name: p.root, Filename: p.rootAt}
	}), 0})
}

// function returns a Lua function of a script.
func (p *Recorder) function(script Script, proto *lua.FunctionProto) *pprof.Function {
	return p.named(proto, func() pprof.Function {
		f := pprof.Function{Filename: proto.SourceName, StartLine: int64(proto.LineDefined)}
		name := chunk.Unnamed
		if file := script.Sources.Get(proto.SourceName); file != nil {
			f.Filename = filepath.Join(script.Dir, proto.SourceName)
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
