package luart

import (
	"maps"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/health/option"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/static"
)

// The options of functions of the VM itself.
var (
	mirrorOptionNames = luaval.NewOptions("sample", "timeout", "path", "host", "headers", "max_body").
				Judged(func(L *lua.LState, f, name string, v lua.LValue) { new(mirrorOptions).set(L, f, name, v) })
	replaceOptions = luaval.NewOptions("window", "limit", "literal")
)

// ownOptions are those of the functions that take a table of them, as scripts call them. A node is
// api, or any place below.
var ownOptions = map[string]luaval.OptionsAt{
	"ctx:mirror":       mirrorOptionNames.At(2),
	"res:replace":      replaceOptions.At(3),
	"body:expect":      expectOptions.At(2),
	"body:json":        jsonlua.OptionNames.At(1),
	"api.idempotent":   idempotentOptions.At(1),
	"node.cors":        corsOptions.At(1),
	"node.limit":       limitOptions.At(1),
	"node.concurrency": concurrencyOptions.At(1),
	"node.expect":      placeExpectOptions.At(1),
	"node.static":      static.Options.At(1),
	"node.doc":         docMethods.At(1),
	"rover.server":     serverOptionNames.At(1),
}

// serverOptionNames are those of rover.server.
var serverOptionNames = api.ServerOptions.
	Within("health", option.OfHealth).Within("readiness", readinessOptions).Within("rate_limit", rateLimitOptions)

// byMethod are the methods of requests as options, each of which is a table of the options in.
func byMethod(in *luaval.Options) *luaval.Options {
	o := luaval.NewOptions(route.MethodNames[:]...)
	for _, method := range route.MethodNames {
		o = o.Within(method, in)
	}
	return o
}

// options returns ownOptions with those of the libraries that the script has: of their functions
// by the whole name, "rover.http.get", and of methods by the type, "cache:fetch".
func (g *Generation) options() map[string]luaval.OptionsAt {
	all := maps.Clone(ownOptions)
	maps.Copy(all, response.Options)
	maps.Copy(all, proxy.Options)
	for _, l := range g.libraries {
		for function, options := range l.Options {
			if !strings.Contains(function, ":") && !strings.HasPrefix(function, "node.") {
				function = strings.TrimSuffix("rover."+l.Name+"."+function, ".")
			}
			all[function] = options
		}
	}
	return all
}
