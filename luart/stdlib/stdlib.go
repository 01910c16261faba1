package stdlib

import (
	"math"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/pattern"
)

// MaxResults is how many values unpack and string.byte return at most, as in C Lua: they land on
// the Lua stack.
const MaxResults = 8000

// Hooks is what an environment needs of the VM.
type Hooks struct {
	// Print gets each line that print makes, without a newline.
	Print func(L *lua.LState, line string)

	// Write gets what scripts write with io, and Flush says that an unfinished line is to be shown.
	// nil: nobody does.
	Write func(L *lua.LState, to Stream, text string)
	Flush func(L *lua.LState, to Stream)

	// Debug gets what debug.print writes, if it wants it. nil: nobody does.
	Debug func(L *lua.LState, text func() string)

	// Getenv is os.getenv. nil: no variable is set.
	Getenv func(name string) (string, bool)

	// Resolve finds a module. It may wait. nil: require finds package.loaded and package.preload
	// only.
	Resolve Resolver

	// Compile is compile for a module that is long. It may wait. nil: compile.
	Compile func(L *lua.LState, source []byte, path string) (*lua.FunctionProto, error)

	// Loaded is told of each module's source before it runs. nil: nobody is.
	Loaded func(*lua.FunctionProto)

	// Read is told of each module's source, and what compile said about it. nil: nobody is.
	Read func(path string, source []byte, err error)

	// Clock is what os goes by.
	Clock *clock.Clock

	// Seed is what math.random begins with, in tests. nil: nobody can predict it.
	Seed *uint64

	// Domain becomes that of the environment. nil: nobody asks for it.
	Domain *TrustDomain
}

// AllowList is the allow list: every name that a script finds before it defines any. Whatever is
// not here is nil: dofile, loadfile, module, newproxy, _printregs, string.dump, package.path,
// package.loadlib, channel, of os all that touches files and processes, and of debug all that
// writes. io is there without files: libraries read its names while they load. The VM adds rover
// and api.
//
// Without a reason a function is gopher-lua's own (stock; numeric: its numbers may be strings).
var AllowList = []Table{
	{"", []builtin{
		{"assert", ours(baseAssert), "any error object, and the message as it is"},
		{"collectgarbage", ours(baseCollectGarbage), "the original stops the process for a full collection"},
		{"error", ours(baseError), "level 2 names the right line; error(nil)"},
		{"getfenv", generated(newGetfenv), "the original shows the globals of the VM and of other scripts"},
		{"getmetatable", generated(newGetmetatable), "the original shows the strings of who has called"},
		{"ipairs", stock, "reads only"},
		{"load", generated(newLoad), "bounded, this generation's globals, strings and an env (Lua 5.2)"},
		{"loadstring", generated(newLoadstring), "bounded, this generation's globals"},
		{"next", generated(newNext), "the original skips keys of a table that is compacted"},
		{"pairs", generated(newPairs), "as next"},
		{"pcall", guarded(basePcall), "captured locals stay shared; Go panics and overflows become plain errors"},
		{"print", generated(newPrint), "to the VM's log"},
		{"rawequal", stock, "reads only"},
		{"rawget", stock, "reads only"},
		{"rawset", ours(baseRawset), "returns its table"},
		{"require", generated(newRequire), "the script's folder, once per generation"},
		{"select", ours(baseSelect), "numbers may be strings"},
		{"setfenv", generated(newSetfenv), "the script's functions and Lua threads only"},
		{"setmetatable", ours(baseSetmetatable), "tables only: the original changes all strings, or a ctx"},
		{"tonumber", ours(baseTonumber), "Lua's numerals, not Go's"},
		{"tostring", ours(baseTostring), "inf and nan"},
		{"type", stock, "reads only"},
		{"unpack", ours(baseUnpack), "bounded"},
		{"xpcall", observed(baseXpcall), "as pcall; takes arguments (Lua 5.2)"},
	}},
	{"coroutine", []builtin{
		{"create", generated(newCoCreate), "keeps the budget of its creator"},
		{"isyieldable", ours(coIsYieldable), "from Lua 5.3"},
		{"resume", ours(coResume), "the original resumes what runs already, and never ends"},
		{"running", generated(newCoRunning), "a handler's own Lua thread is no coroutine"},
		{"status", ours(coStatus), "knows \"normal\""},
		{"wrap", generated(newCoWrap), "error objects survive"},
		{"yield", ours(coYield), "refused where the original corrupts the stack"},
	}},
	{"math", []builtin{
		{"abs", numeric, ""},
		{"acos", numeric, ""},
		{"asin", numeric, ""},
		{"atan", numeric, ""},
		{"atan2", numeric, ""},
		{"ceil", numeric, ""},
		{"cos", numeric, ""},
		{"cosh", numeric, ""},
		{"deg", numeric, ""},
		{"exp", numeric, ""},
		{"floor", numeric, ""},
		{"fmod", numeric, ""},
		{"frexp", numeric, ""},
		{"ldexp", numeric, ""},
		{"log", numeric, ""},
		{"log10", numeric, ""},
		{"max", numeric, ""},
		{"min", numeric, ""},
		{"mod", numeric, ""},
		{"modf", ours(mathModf), "the rest of an infinity is 0"},
		{"pow", numeric, ""},
		{"rad", numeric, ""},
		{"sin", numeric, ""},
		{"sinh", numeric, ""},
		{"sqrt", numeric, ""},
		{"tan", numeric, ""},
		{"tanh", numeric, ""},
		{"huge", generated(newHuge), "infinity; the original is the largest finite number"},
		{"pi", stock, ""},
		{"random", generated(newRandom), "errors instead of Go panics; seeded per generation"},
		{"randomseed", generated(newRandomseed), "the original seeds the whole process"},
	}},
	{"debug", []builtin{
		{"getinfo", ours(debugGetinfo), "reads only; functions of this generation only"},
		{"print", generated(newDebugPrint), "ours: a value for people, to the log at debug"},
		{"traceback", ours(debugTraceback), "reads only; C Lua's form"},
	}},
	{"io", []builtin{
		{"close", ioFunction(ioClose), "closes nothing"},
		{"flush", ioFunction(ioFlush), "logs what of a line there is"},
		{"input", ioFunction(ioInput), "standard streams only"},
		{"lines", ioFunction(ioLines), "of nothing"},
		{"open", ioFunction(ioOpen), "opens nothing"},
		{"output", ioFunction(ioOutput), "standard streams only"},
		{"popen", ioFunction(ioPopen), "an error, as where C has none"},
		{"read", ioFunction(ioRead), "nothing is there to read"},
		{"stderr", ioStream(Stderr), "to the VM's log"},
		{"stdin", ioStream(stdin), "empty"},
		{"stdout", ioStream(Stdout), "to the VM's log"},
		{"tmpfile", ioFunction(ioTmpfile), "opens nothing"},
		{"type", ioFunction(ioType), "reads only"},
		{"write", ioFunction(ioWrite), "to the VM's log"},
	}},
	{"os", []builtin{
		{"clock", osClock, "seconds since the process began"},
		{"date", generated(osDate), "C's conversions; the original knows half of them"},
		{"difftime", ours(osDifftime), "fractions; one argument"},
		{"getenv", generated(osGetenv), "nil unless access to the environment was granted"},
		{"time", generated(osTime), "missing fields are an error"},
	}},
	{"string", []builtin{
		{"__add", arith(opAdd), "tonumber's numerals instead of Go's"},
		{"__sub", arith(opSub), "as __add"},
		{"__mul", arith(opMul), "as __add"},
		{"__div", arith(opDiv), "as __add"},
		{"__mod", arith(glua.Modulo), "as __add"},
		{"__pow", arith(math.Pow), "as __add"},
		{"__unm", ours(strUnm), "as __add"},
		{"byte", ours(strByte), "bounded"},
		{"char", ours(strChar), "refuses what is no byte"},
		{"find", matching((*patterns).find), "ends with burst; the start may lie anywhere"},
		{"format", ours(strFormat), "C's conversions; the original is Go's Sprintf"},
		{"gfind", matching((*patterns).gmatch), "gmatch's name in Lua 5.0"},
		{"gmatch", matching((*patterns).gmatch), "ends with burst; matches as it goes"},
		{"gsub", matching((*patterns).gsub), "ends with burst; bounded; matches as it goes"},
		{"len", ours(strLen), ""},
		{"lower", ours(strLower), "bytes: the original destroys what is not UTF-8"},
		{"match", matching((*patterns).match), "ends with burst; returns nil, not nothing"},
		{"rep", ours(strRep), "bounded; separator (Lua 5.2)"},
		{"reverse", ours(strReverse), ""},
		{"sub", ours(strSub), "the range may lie anywhere"},
		{"upper", ours(strUpper), "as lower"},
	}},
	{"table", []builtin{
		{"concat", ours(tabConcat), "bounded"},
		{"getn", stock, "# in Lua 5.0"},
		{"insert", ours(tabInsert), "positions from 1; an error past the longest array"},
		{"maxn", ours(tabMaxn), "counts keys past the array, too"},
		{"pack", ours(tabPack), "from Lua 5.2"},
		{"remove", ours(tabRemove), "the last element, even after t[#t] = nil"},
		{"sort", ours(tabSort), "works on a copy: the comparator may wait, and change the table"},
		{"unpack", ours(baseUnpack), "from Lua 5.2"},
	}},
}

// Table is a table of the environment; the one without a name is the globals table.
type Table struct {
	Name      string
	Functions []builtin
}

// builtin is one name of a library.
type builtin struct {
	Name string
	from source
	Why  string // why it is safe, or why gopher-lua's own will not do
}

// source makes the value of a builtin.
type source func(b *envBuilder, lib, name string) lua.LValue

// envBuilder is what sources share while one environment is made.
type envBuilder struct {
	L        *lua.LState
	hooks    Hooks
	loaded   *lua.LTable    // package.loaded
	pre      *lua.LTable    // package.preload
	guard    *lua.LFunction // see protect
	next     *lua.LFunction // pairs hands it out
	rand     *generator     // math.random's
	patterns *patterns
	domain   *TrustDomain
	io       *ioLibrary // nil until a function of io is made
}

// New returns a fresh globals table with everything of the allow list, package.loaded and
// package.preload. Its functions know it as their environment, whoever calls them.
func New(L *lua.LState, h Hooks) *lua.LTable {
	env := L.NewTable()
	defer func(outer *lua.LTable) { L.Env = outer }(L.Env)
	L.Env = env // of the functions made below

	b := &envBuilder{L: L, hooks: h, loaded: L.NewTable(), pre: L.NewTable(), rand: newGenerator(h.Seed), patterns: &patterns{compiled: map[string]*pattern.Pattern{}}}
	b.guard = L.NewFunction(guardCall)
	if b.domain = h.Domain; b.domain == nil {
		b.domain = &TrustDomain{}
	}
	b.domain.env, b.domain.Start, b.domain.strings = env, env, L.NewTable()
	for _, lib := range AllowList {
		table := env
		if lib.Name != "" {
			table = L.NewTable()
			env.RawSetString(lib.Name, table)
			b.loaded.RawSetString(lib.Name, table)
		}
		for _, f := range lib.Functions {
			to := table
			if strings.HasPrefix(f.Name, "__") {
				to = b.domain.strings // and no string leads to the table of the library
			}
			to.RawSetString(f.Name, f.from(b, lib.Name, f.Name))
		}
	}
	str := env.RawGetString("string").(*lua.LTable)
	str.RawSetString("gfind", str.RawGetString("gmatch")) // one function, as in C Lua
	b.domain.strings.RawSetString("__index", str)
	maths := env.RawGetString("math").(*lua.LTable)
	maths.RawSetString("mod", maths.RawGetString("fmod")) // gopher-lua's has the sign of %

	pkg := L.NewTable()
	pkg.RawSetString("loaded", b.loaded)
	pkg.RawSetString("preload", b.pre)
	pkg.RawSetString("config", lua.LString(packageConfig))
	b.loaded.RawSetString("package", pkg)
	b.loaded.RawSetString("_G", env)
	env.RawSetString("package", pkg)
	env.RawSetString("_G", env)
	env.RawSetString("_VERSION", lua.LString(lua.LuaVersion))
	return env
}

// packageConfig is package.config of C Lua on Unix: what separates folders, and the marks in
// package.path.
const packageConfig = "/\n;\n?\n!\n-"

// ours is a function of this package.
func ours(fn lua.LGFunction) source {
	return func(b *envBuilder, _, _ string) lua.LValue { return b.L.NewFunction(fn) }
}

// guarded is a function of this package that calls protect.
func guarded(fn lua.LGFunction) source {
	return func(b *envBuilder, _, _ string) lua.LValue { return b.L.NewClosure(fn, b.guard) }
}

// observed is a function of this package that calls protectWith.
func observed(fn lua.LGFunction) source {
	return func(b *envBuilder, _, _ string) lua.LValue { return b.L.NewClosure(fn, b.L.NewFunction(guardHandled)) }
}

// generated is a value with state of its own in each generation.
func generated(value func(b *envBuilder) lua.LValue) source {
	return func(b *envBuilder, _, _ string) lua.LValue { return value(b) }
}

// stock is what gopher-lua has under this name.
func stock(b *envBuilder, lib, name string) lua.LValue {
	switch v := pristine()[lib+"."+name].(type) {
	case *lua.LFunction:
		upvalues := make([]lua.LValue, len(v.Upvalues)) // pairs and ipairs keep their iterator in one
		for i, up := range v.Upvalues {
			upvalues[i] = up.Value()
			if fn, ok := upvalues[i].(*lua.LFunction); ok {
				upvalues[i] = b.L.NewFunction(fn.GFunction)
			}
		}
		return b.L.NewClosure(v.GFunction, upvalues...)
	case lua.LNumber:
		return v
	}
	panic("gopher-lua has no " + lib + "." + name)
}

// pristine returns gopher-lua's own library by "lib.name", of a state that ran no script. Nobody
// may change it.
var pristine = sync.OnceValue(func() map[string]lua.LValue {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	own := map[string]lua.LValue{}
	for lib, open := range map[string]lua.LGFunction{
		lua.BaseLibName:      lua.OpenBase,
		lua.CoroutineLibName: lua.OpenCoroutine,
		lua.MathLibName:      lua.OpenMath,
		lua.OsLibName:        lua.OpenOs,
		lua.TabLibName:       lua.OpenTable,
	} {
		L.Push(L.NewFunction(open))
		L.Call(0, 1)
		luaval.CheckTable(L, -1).ForEach(func(name, v lua.LValue) { own[lib+"."+name.String()] = v })
		L.Pop(1)
	}
	return own
})
