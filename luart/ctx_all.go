package luart

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// ReadsAll are the methods of ctx that return a table of all there is, and take no name: with how one
// of them is written, where %s is ctx. A script that gives one and tests the result would find it
// there in every request.
var ReadsAll = map[string]string{
	"headers": "%s:header(name)", "query": "%s:query().name", "params": "%s:param(name)", "cookies": "%s:cookie(name)",
	"body": "%s:body():json(), or :form()", "multipart": "%s:multipart():file(name)", "expected": "%s:expected().name",
}

// withoutName is a method of ReadsAll.
func withoutName(name string, method lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		if L.GetTop() > 1 {
			luaval.ArgError(L, 2, "nothing expected: ctx:"+name+"() returns all; one is "+strings.ReplaceAll(ReadsAll[name], "%s", "ctx"))
		}
		return method(L)
	}
}
