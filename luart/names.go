package luart

import (
	"maps"
	"slices"
	"sync"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/stdlib"
)

// names returns what the names of the script stand for, for hints. Only the holder may call it.
func (g *Generation) names() *hint.Names {
	if g.named == nil {
		g.named = &hint.Names{Env: g.env, Main: g.vm.main, Methods: objectMethods(), Fields: objectFields, Makers: g.makers(), TypeMethods: g.typeNames(luaval.TypesKey), TypeFields: g.typeNames(luaval.FieldsKey), NotGiven: g.notGiven}
		g.named.Builders = map[string]*hint.Builder{}
		for name, b := range g.api.Builders() {
			g.named.Builders[name] = &hint.Builder{Value: b.Value, Colon: b.Colon, Methods: slices.Collect(maps.Keys(b.Methods))}
		}
		for _, lib := range stdlib.AllowList {
			g.named.Libraries = append(g.named.Libraries, lib.Name)
		}
		for _, l := range g.libraries {
			if l.Explains {
				g.named.Explaining = append(g.named.Explaining, l.Name)
			}
		}
	}
	g.named.API = g.api.Value // the script may have called rover.server since
	return g.named
}

// objectMethods are the methods of ctx and of responses. Any goroutine may call it.
var objectMethods = sync.OnceValue(func() map[chunk.ObjectKind][]string {
	return map[chunk.ObjectKind][]string{ // their names are the same in every VM
		chunk.KindCtx: slices.Sorted(maps.Keys(ctxMethods(nil))),
		chunk.KindRes: slices.Sorted(maps.Keys(responseBodyMethods(nil))),
	}
})

// objectFields are what ctxField and responseField know.
var objectFields = map[chunk.ObjectKind][]string{
	chunk.KindCtx: {
		"method", "path", "raw_path", "host", "scheme", "protocol", "proto", "uri", "remote_addr", "client_ip",
		"direct_remote_addr", "tls",
	},
	chunk.KindRes: {"status", "error"},
}
