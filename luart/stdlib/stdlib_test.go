package stdlib

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
)

// sandboxThread returns a Lua thread with a fresh environment, as a VM makes them.
func sandboxThread(t testing.TB, h Hooks) *lua.LState {
	t.Helper()
	main := lua.NewState(lua.Options{
		CallStackSize: 2048, RegistrySize: 128, RegistryGrowStep: 256, RegistryMaxSize: 128 * 1024,
		MinimizeStackMemory: true, SkipOpenLibs: true,
	})
	t.Cleanup(main.Close)
	main.G.MainThread = main
	L, _ := main.NewThread()
	main.G.CurrentThread = L
	if h.Domain == nil {
		h.Domain = &TrustDomain{}
	}
	L.Env = New(L, h)
	SetStringMeta(L, h.Domain)
	return L
}

// runSandboxed runs a chunk and returns its error.
func runSandboxed(t testing.TB, L *lua.LState, source, name string) error {
	t.Helper()
	proto, err := chunk.Compile([]byte(source), name)
	if err != nil {
		return err
	}
	L.Push(L.NewFunctionFromProto(proto))
	return L.PCall(0, 0, nil)
}

// sandboxAssert gives test files eq(got, want), raises(part of the message, f, …) and the like.
const sandboxAssert = `
local function show(v) if type(v) == "string" then return string.format("%q", v) end return tostring(v) end
function eq(got, want)
	if got ~= want and (got == got or want == want) then error("got " .. show(got) .. ", want " .. show(want), 2) end
end
function list(want, ...)
	local got = {}
	for i = 1, select("#", ...) do got[i] = show((select(i, ...))) end
	got = table.concat(got, " ")
	if got ~= want then error("got " .. got .. ", want " .. want, 2) end
end
function raises(part, f, ...)
	local ok, err = pcall(f, ...)
	if ok then error("no error, want " .. show(part), 2) end
	if not string.find(tostring(err), part, 1, true) then error("got " .. tostring(err) .. ", want " .. part, 2) end
end
`

// TestSandboxFiles runs testdata/sandbox/*.lua.
func TestSandboxFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/sandbox/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".lua"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			L := sandboxThread(t, Hooks{})
			if err := runSandboxed(t, L, sandboxAssert, "assert.lua"); err != nil {
				t.Fatal(err)
			}
			if err := runSandboxed(t, L, string(source), filepath.Base(file)); err != nil {
				t.Fatal(err)
			}
			if top := L.GetTop(); top != 0 {
				t.Errorf("%d values left on the stack", top)
			}
		})
	}
}

func TestSandboxAllowList(t *testing.T) {
	want := map[string][]string{
		"": {
			"_G", "_VERSION", "assert", "collectgarbage", "coroutine", "debug", "error", "getfenv", "getmetatable", "io",
			"ipairs",
			"load", "loadstring", "math", "next", "os", "package", "pairs", "pcall", "print", "rawequal", "rawget",
			"rawset", "require", "select", "setfenv", "setmetatable", "string", "table", "tonumber", "tostring",
			"type", "unpack", "xpcall",
		},
		"coroutine": {"create", "isyieldable", "resume", "running", "status", "wrap", "yield"},
		"math": {
			"abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor", "fmod", "frexp",
			"huge", "ldexp", "log", "log10", "max", "min", "mod", "modf", "pi", "pow", "rad", "random",
			"randomseed", "sin", "sinh", "sqrt", "tan", "tanh",
		},
		"os":      {"clock", "date", "difftime", "getenv", "time"},
		"package": {"config", "loaded", "preload"},
		"debug":   {"getinfo", "print", "traceback"},
		"io": {
			"close", "flush", "input", "lines", "open", "output", "popen", "read", "stderr", "stdin", "stdout",
			"tmpfile", "type", "write",
		},
		"string": {
			"byte", "char", "find", "format",
			"gfind", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub", "upper",
		},
		"table": {"concat", "getn", "insert", "maxn", "pack", "remove", "sort", "unpack"},
	}
	L := sandboxThread(t, Hooks{})
	env := L.Env
	for lib, names := range want {
		table := env
		if lib != "" {
			table = env.RawGetString(lib).(*lua.LTable)
		}
		var got []string
		table.ForEach(func(name, _ lua.LValue) { got = append(got, name.String()) })
		slices.Sort(got)
		if !slices.Equal(got, names) {
			t.Errorf("library %q has\n%v, want\n%v", lib, got, names)
		}
	}
	var globals int
	L.G.Global.ForEach(func(_, _ lua.LValue) { globals++ })
	if globals != 0 {
		t.Errorf("the VM's own globals table has %d names, want none", globals)
	}
	for _, forbidden := range []string{
		"debug.getlocal", "debug.setmetatable", "debug.getupvalue", "debug.sethook", "debug.getregistry", "channel", "dofile", "loadfile", "module", "newproxy", "_printregs", "package.path",
		"package.cpath", "package.loadlib", "package.loaders", "package.seeall", "os.exit", "os.execute",
		"os.remove", "os.rename", "os.tmpname", "os.setlocale", "os.setenv", "string.dump", "_GOPHER_LUA_VERSION",
	} {
		err := runSandboxed(t, L, "assert("+forbidden+" == nil, '"+forbidden+"')", "forbidden.lua")
		if err != nil {
			t.Error(err)
		}
	}
}

func TestSandboxReasons(t *testing.T) {
	for _, lib := range AllowList {
		for _, f := range lib.Functions {
			if lib.Name != "math" && lib.Name != "string" && f.Why == "" {
				t.Errorf("%s.%s is allowed without a reason", lib.Name, f.Name)
			}
		}
	}
}

func TestSandboxGenerationsAreApart(t *testing.T) {
	domains := map[*lua.LTable]*TrustDomain{}
	d := &TrustDomain{}
	L := sandboxThread(t, Hooks{Domain: d})
	a := L.Env
	domains[a], d = d, &TrustDomain{}
	b := New(L, Hooks{Domain: d})
	domains[b] = d
	if L.Env != a {
		t.Fatal("newEnv changed the environment of its Lua thread")
	}
	run := func(env *lua.LTable, source string) {
		t.Helper()
		L.Env = env
		SetStringMeta(L, domains[env])
		if err := runSandboxed(t, L, source, "gen.lua"); err != nil {
			t.Error(err)
		}
	}
	run(a, `x = 1; string.twice = function(s) return s .. s end; math.huge = 5; package.loaded.m = 1
		math.randomseed(7); first = math.random(1e9)
		getmetatable("").__mod = function(s, v) return s:format(v) end`)
	run(b, `assert(x == nil and string.twice == nil and math.huge > 5 and not package.loaded.m)
		assert(not pcall(function() return ("a"):twice() end))
		assert(not pcall(function() return "%d" % 1 end))
		assert(getfenv(0) == _G and getfenv(print) == _G and load("return _G")() == _G)`)
	run(a, `assert(("a"):twice() == "aa" and ("%d"  % 1) == "1")
		math.randomseed(7); assert(math.random(1e9) == first)`)

	// A function of one generation keeps its globals when another one calls it.
	L.Env = a
	load := a.RawGetString("loadstring")
	b.RawSetString("foreign", load)
	run(b, `assert(foreign("return x")() == 1); assert(loadstring("return x")() == nil)`)
}

func TestSandboxPrint(t *testing.T) {
	var lines []string
	L := sandboxThread(t, Hooks{Print: func(_ *lua.LState, line string) { lines = append(lines, line) }})
	err := runSandboxed(t, L, `print("a", 1, nil, true, setmetatable({}, {__tostring = function() return "T" end}))
		print() print(1/0, -1/0, "\0")
		assert(not pcall(print, setmetatable({}, {__tostring = function() return {} end})))`, "print.lua")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a\t1\tnil\ttrue\tT", "", "inf\t-inf\t\x00"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}

// What libraries read while they load is there, and require finds each table.
func TestSandboxStandardTables(t *testing.T) {
	L := sandboxThread(t, Hooks{})
	for _, name := range []string{"_G", "coroutine", "debug", "io", "math", "os", "package", "string", "table"} {
		source := "local t = _G." + name + " assert(type(t) == 'table' and require '" + name + "' == t and package.loaded['" + name + "'] == t)"
		if err := runSandboxed(t, L, source, "tables.lua"); err != nil {
			t.Error(err)
		}
	}
}

// os.getenv is nil for every name, but where a script may read the environment.
func TestSandboxGetenv(t *testing.T) {
	denied := sandboxThread(t, Hooks{})
	if err := runSandboxed(t, denied, `assert(os.getenv("PATH") == nil and select("#", os.getenv("PATH")) == 1)`, "env.lua"); err != nil {
		t.Error(err)
	}
	granted := sandboxThread(t, Hooks{Getenv: func(name string) (string, bool) { return "the " + name, name == "HOME" }})
	if err := runSandboxed(t, granted, `assert(os.getenv("HOME") == "the HOME" and os.getenv("PATH") == nil)`, "env.lua"); err != nil {
		t.Error(err)
	}
}

// debug shows no function of another generation.
func TestSandboxDebugShowsNoForeignFunctions(t *testing.T) {
	L := sandboxThread(t, Hooks{})
	a, b := L.Env, New(L, Hooks{})
	if err := runSandboxed(t, L, `function visit(f) local r = f() return r end`, "a.lua"); err != nil {
		t.Fatal(err)
	}
	b.RawSetString("visit", a.RawGetString("visit"))
	L.Env = b
	err := runSandboxed(t, L, `visit(function()
		assert(debug.getinfo(1, "f").func and debug.getinfo(print, "f").func == print)
		local other = debug.getinfo(2, "fS")
		assert(other.short_src == "a.lua" and other.func == nil)
		return 1
	end)`, "b.lua")
	if err != nil {
		t.Error(err)
	}
}
