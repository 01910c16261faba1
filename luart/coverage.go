package luart

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
)

// Coverage says which lines of the files of scripts have run, in all VMs that have been given it.
// The zero value knows none. Any goroutine may call its methods.
type Coverage struct {
	mu    sync.Mutex
	files map[string]*FileCoverage
}

// FileCoverage says how often the lines of a file have run, and its functions been called.
type FileCoverage struct {
	Path      string         // absolute
	Lines     map[int]uint64 // those with code, from 1
	Functions map[FunctionAt]uint64
}

// FunctionAt is a function that a line defines.
type FunctionAt struct {
	Line int
	Name string // "api.hello.get", or Unnamed
}

// Unnamed is the name of functions that have none.
const Unnamed = "function"

// Files returns what has run so far in VMs that are closed, in the order of paths. Nobody may change
// it.
func (c *Coverage) Files() (list []*FileCoverage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.files {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *FileCoverage) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// lineCounter counts what runs in one VM, instruction by instruction. It is the context of its Lua
// threads: gopher-lua asks Done before each instruction. So scripts run the code that they run
// without it, and a VM without it pays nothing.
type lineCounter struct {
	*budget
	vm *VM
	to *Coverage

	// The holder's:
	counts  map[*lua.FunctionProto][]uint64
	running *lua.FunctionProto // whose count is
	count   []uint64

	mu     sync.Mutex // guards the rest
	loaded []loadedFile
}

// loadedFile is the main chunk of a file that a generation has loaded.
type loadedFile struct {
	gen  *Generation
	main *lua.FunctionProto
}

func newLineCounter(vm *VM, to *Coverage) *lineCounter {
	return &lineCounter{budget: vm.budget, vm: vm, to: to, counts: map[*lua.FunctionProto][]uint64{}}
}

// Done is called before every instruction.
func (c *lineCounter) Done() <-chan struct{} {
	if f := glua.CurrentFrame(c.vm.main.G.CurrentThread); f.Valid() && !f.Function().IsG {
		if proto := f.Function().Proto; proto != c.running {
			c.running, c.count = proto, c.counts[proto]
			if c.count == nil {
				c.count = make([]uint64, len(proto.Code))
				c.counts[proto] = c.count
			}
		}
		c.count[f.PC()-1]++
	}
	return c.budget.Done()
}

// add is told of a file that has been loaded; nil does nothing. Any goroutine may call it.
func (c *lineCounter) add(g *Generation, main *lua.FunctionProto) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded = append(c.loaded, loadedFile{g, main})
}

// close gives what has been counted to the Coverage; nil does nothing. No Lua code may run any more.
func (c *lineCounter) close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	for _, l := range c.loaded {
		path := filepath.Join(l.gen.dir, l.main.SourceName)
		f := c.to.files[path]
		if f == nil {
			f = &FileCoverage{Path: path, Lines: map[int]uint64{}, Functions: map[FunctionAt]uint64{}}
			if c.to.files == nil {
				c.to.files = map[string]*FileCoverage{}
			}
			c.to.files[path] = f
		}
		lines := map[int]uint64{}
		c.collect(l.gen, l.main, f, lines)
		for line, n := range lines {
			f.Lines[line] += n
		}
	}
}

// collect adds a function, and those in it, to its file, and counts its lines: a line has run as often
// as that of its instructions that has run most.
func (c *lineCounter) collect(g *Generation, proto *lua.FunctionProto, f *FileCoverage, lines map[int]uint64) {
	counts := c.counts[proto] // nil: it was not called
	if counts == nil {
		counts = make([]uint64, len(proto.Code))
	}
	if proto.LineDefined > 0 && len(counts) > 0 {
		at := FunctionAt{proto.LineDefined, Unnamed}
		if file := g.sources.Get(proto.SourceName); file != nil {
			at.Name = definedAs(file.LineAt(proto.LineDefined))
		}
		f.Functions[at] += counts[0]
	}
	for pc := range glua.LineInstructions(proto) {
		if line := proto.DbgSourcePositions[pc]; line > 0 {
			lines[line] = max(lines[line], counts[pc])
		}
	}
	for _, inner := range proto.FunctionPrototypes {
		c.collect(g, inner, f, lines)
	}
}

// threadContext is what the VM's Lua threads look at before each instruction.
func (vm *VM) threadContext() context.Context {
	if vm.lineCounter != nil {
		return vm.lineCounter
	}
	return vm.budget
}
