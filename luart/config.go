package luart

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/luaval"
)

// maxConfigBytes is the longest file that rover.config.load reads.
const maxConfigBytes = 1 << 20

// openConfig makes rover.config: the values of set, and functions that find others. Those are not
// among what pairs finds.
func (g *Generation) openConfig(L *lua.LState, s *Script) *lua.LTable {
	config := L.NewTable()
	for k, v := range s.Config {
		config.RawSetString(k, lua.LString(v))
	}
	functions := L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"load": func(L *lua.LState) int { return g.loadConfig(L, s.Opened) },
		"from_env": func(L *lua.LState) int {
			if !s.AllowEnv {
				L.RaiseError(`environment access is not allowed: add "allow env" to the rover block of the Caddyfile`)
			}
			return configFromEnv(L, s.Environ, s.EnvPolicy)
		},
	})
	meta := L.NewTable()
	meta.RawSetString("__index", functions)
	meta.RawSetString("__metatable", lua.LString("config"))
	config.Metatable = meta
	return config
}

// loadConfig is rover.config.load(path): what a Lua file returns, plain data. The file is the
// script's folder's, or one of allow fs. It sees nothing: no function, no table, no rover. opened is
// told of it, so that it is watched; nil: nobody wants to know.
func (g *Generation) loadConfig(L *lua.LState, opened func(path string, source []byte)) int {
	path := luaval.CheckString(L, 1)
	fail := func(err error) {
		var of *fs.PathError
		if errors.As(err, &of) {
			err = of.Err // the path is named already, as the script has it
		}
		L.RaiseError("Failed to load config file '%s': %s", path, err)
	}
	place, err := append(files.Grants{{Dir: g.dir, ReadOnly: true}}, g.files...).Find(g.dir, path)
	if err != nil {
		if errors.Is(err, files.ErrForbidden) {
			err = errors.New("it is not in the folder of the script, and in none of allow fs")
		}
		fail(err)
	}
	var source []byte
	var proto *lua.FunctionProto
	var wrong error
	g.vm.await(L, waitsOn{what: "rover.config.load", which: path}, func(ctx context.Context) {
		source, err = files.Call(ctx, files.Everywhere, func() ([]byte, error) { return place.Read(maxConfigBytes) })
		if err == nil {
			proto, wrong = chunk.CompileFor(ctx, source, filepath.ToSlash(path))
		}
	})
	if opened != nil {
		opened(place.Path(), source)
	}
	if err != nil {
		fail(err)
	}
	g.sources.Add(filepath.ToSlash(path), source, wrong)
	if wrong != nil {
		L.RaiseError("Failed to parse config file '%s': %s", path, wrong)
	}
	fn := L.NewFunctionFromProto(proto)
	fn.Env = L.NewTable()
	L.Push(fn)
	L.Call(0, 1)
	data, _, err := luaval.CopyData(L.Get(-1), luaval.MaxDataBytes)
	if err != nil {
		fail(err)
	}
	L.Push(luaval.NewValue(L, data))
	return 1
}

// configFromEnv is rover.config.from_env(prefix): the variables whose names begin with prefix and an
// underscore, as nested tables.
func configFromEnv(L *lua.LState, environment func() []string, policy *environ.Policy) int {
	prefix := luaval.CheckString(L, 1)
	if !environ.IsName(prefix) || prefix[len(prefix)-1] == '_' {
		luaval.ArgError(L, 1, "the beginning of names expected, without its last underscore, such as APP")
	}
	if !policy.AllowsBelow(prefix + "_") {
		L.RaiseError(`environment variables that begin with %s_ are not allowed: add "allow env %[1]s_*" to the rover block of the Caddyfile`, prefix)
	}
	var all []string
	if environment != nil {
		all = environment()
	}
	tree, err := environ.Nest(prefix, all, policy)
	if err != nil {
		L.RaiseError("rover.config.from_env: %s", err)
	}
	L.Push(branchTable(L, tree))
	return 1
}

func branchTable(L *lua.LState, branch environ.Branch) *lua.LTable {
	t := L.CreateTable(0, len(branch))
	for _, name := range slices.Sorted(maps.Keys(branch)) {
		switch v := branch[name].(type) {
		case string:
			t.RawSetString(name, lua.LString(v))
		case environ.Branch:
			t.RawSetString(name, branchTable(L, v))
		}
	}
	return t
}
