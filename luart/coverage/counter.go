package coverage

import (
	"path/filepath"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Counter counts what runs in one VM, instruction by instruction. It is the context of its Lua
// threads: gopher-lua asks Done before each instruction. So scripts run the code that they run
// without it, and a VM without it pays nothing.
type Counter struct {
	luaval.Budget
	globals *lua.Global
	to      *Report

	// The holder's:
	counts  map[*lua.FunctionProto][]uint64
	running *lua.FunctionProto // whose count is
	count   []uint64

	mu     sync.Mutex // guards the rest
	loaded []loadedFile
}

// loadedFile is the main chunk of a file that has been loaded.
type loadedFile struct {
	dir     string
	sources *chunk.Files
	main    *lua.FunctionProto
}

// NewCounter returns a Counter for the VM with these globals, whose budget goes on to bound what runs.
func NewCounter(globals *lua.Global, budget luaval.Budget, to *Report) *Counter {
	return &Counter{Budget: budget, globals: globals, to: to, counts: map[*lua.FunctionProto][]uint64{}}
}

// Done is called before every instruction.
func (c *Counter) Done() <-chan struct{} {
	if f := glua.CurrentFrame(c.globals.CurrentThread); f.Valid() && !f.Function().IsG {
		if proto := f.Function().Proto; proto != c.running {
			c.running, c.count = proto, c.counts[proto]
			if c.count == nil {
				c.count = make([]uint64, len(proto.Code))
				c.counts[proto] = c.count
			}
		}
		c.count[f.PC()-1]++
	}
	return c.Budget.Done()
}

// Add is told of a file that has been loaded: its folder, its main chunk, and the sources that it is
// among; nil does nothing. Any goroutine may call it.
func (c *Counter) Add(dir string, sources *chunk.Files, main *lua.FunctionProto) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded = append(c.loaded, loadedFile{dir, sources, main})
}

// Close gives what has been counted to the Report; nil does nothing. No Lua code may run any more.
func (c *Counter) Close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	for _, l := range c.loaded {
		path := filepath.Join(l.dir, l.main.SourceName)
		f := c.to.files[path]
		if f == nil {
			f = &File{Path: path, Lines: map[int]uint64{}, Functions: map[Function]uint64{}}
			if c.to.files == nil {
				c.to.files = map[string]*File{}
			}
			c.to.files[path] = f
		}
		lines := map[int]uint64{}
		c.collect(l.sources, l.main, f, lines)
		for line, n := range lines {
			f.Lines[line] += n
		}
	}
}

// collect adds a function, and those in it, to its file, and counts its lines: a line has run as often
// as that of its instructions that has run most.
func (c *Counter) collect(sources *chunk.Files, proto *lua.FunctionProto, f *File, lines map[int]uint64) {
	counts := c.counts[proto] // nil: it was not called
	if counts == nil {
		counts = make([]uint64, len(proto.Code))
	}
	if proto.LineDefined > 0 && len(counts) > 0 {
		at := Function{proto.LineDefined, chunk.Unnamed}
		if file := sources.Get(proto.SourceName); file != nil {
			at.Name = file.FunctionAt(proto.LineDefined)
		}
		f.Functions[at] += counts[0]
	}
	for pc := range glua.LineInstructions(proto) {
		if line := proto.DbgSourcePositions[pc]; line > 0 {
			lines[line] = max(lines[line], counts[pc])
		}
	}
	for _, inner := range proto.FunctionPrototypes {
		c.collect(sources, inner, f, lines)
	}
}
