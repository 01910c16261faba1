package env

import (
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/luarttest"
)

func TestEnv(t *testing.T) {
	vars := map[string]string{"HOME": "/root", "EMPTY": "", "get": "odd"}
	granted := func(L *lua.LState) *lua.LTable {
		return newTable(L, func(name string) (string, bool) { value, ok := vars[name]; return value, ok }, nil)
	}
	luarttest.Run(t, "env", granted, []luarttest.Case{
		{"get", `return rover.env.get("HOME"), rover.env.get("NONE"), rover.env.get("NONE", "x")`, "/root | nil | x"},
		{"a default may be anything", `return rover.env.get("NONE", false), rover.env.get("HOME", 1)`, "false | /root"},
		{"empty is not missing", `return "[" .. rover.env.get("EMPTY", "x") .. rover.env.EMPTY .. "]"`, "[]"},
		{"by name", `return rover.env.HOME, rover.env.NONE, rover.env[1]`, "/root | nil | nil"},
		{"a variable called get", `return type(rover.env.get), rover.env.get("get")`, "function | odd"},
		{"read-only", `rover.env.HOME = "x"`, "error: <string>:1: rover.env is read-only: cannot set 'HOME'"},
		{"get is read-only too", `rover.env.get = print`, "error: <string>:1: rover.env is read-only: cannot set 'get'"},
		{"the metatable is out of reach", `return getmetatable(rover.env), pcall(setmetatable, rover.env, {})`, "env | false | <string>:1: cannot change a protected metatable"},
		{"wrong type", `rover.env.get({})`, "error: <string>:1: bad argument #1 to get (string expected, got table)"},
	})
}

func TestEnvNotGranted(t *testing.T) {
	refused := func(L *lua.LState) *lua.LTable { return newTable(L, nil, nil) }
	const want = `error: <string>:1: environment access is not allowed: add "allow env" to the rover block of the Caddyfile`
	luarttest.Run(t, "env", refused, []luarttest.Case{
		{"get", `return rover.env.get("HOME")`, want},
		{"get with a default", `return rover.env.get("HOME", "x")`, want},
		{"by name", `return rover.env.HOME`, want},
		{"writing", `rover.env.X = 1`, "error: <string>:1: rover.env is read-only: cannot set 'X'"},
	})
}

func TestEnvNarrowed(t *testing.T) {
	policy, err := environ.ParsePolicy([]string{"APP_*"})
	if err != nil {
		t.Fatal(err)
	}
	narrowed := func(L *lua.LState) *lua.LTable {
		return newTable(L, func(name string) (string, bool) { return "of " + name, name != "APP_NONE" }, policy)
	}
	const refused = `error: <string>:1: environment variable 'HOME' is not allowed: add "allow env HOME" to the rover block of the Caddyfile`
	luarttest.Run(t, "env", narrowed, []luarttest.Case{
		{"what is allowed", `return rover.env.APP_KEY, rover.env.get("APP_NONE", "x")`, "of APP_KEY | x"},
		{"by name", `return rover.env.HOME`, refused},
		{"get with a default", `return rover.env.get("HOME", "x")`, refused},
	})
}
