// Package option reads what scripts say of their document: doc of a place, and the options of
// rover.server about the pages of the site.
package option

import (
	"fmt"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/openapi"
)

// The options of a route's doc, and those within.
var (
	OfDoc = luaval.NewOptions("summary", "description", "tags", "deprecated", "operation_id", "responses", "hidden").
		WithinEach("responses", ofResponse)
	ofResponse = luaval.NewOptions("description", "schema", "example")
)

// Doc reads what is said of one route. what is its name for messages; warn is told of schemas that say
// what has no effect.
func Doc(L *lua.LState, what string, t *lua.LTable, warn func(why string)) *openapi.Doc {
	d := &openapi.Doc{}
	OfDoc.EachOf(L, t, what, func(name string, v lua.LValue) {
		at := what + "." + name
		switch name {
		case "summary":
			d.Summary = text(L, at, v, openapi.MaxSummary)
		case "description":
			d.Description = text(L, at, v, openapi.MaxDescription)
		case "operation_id":
			d.OperationID = text(L, at, v, openapi.MaxSummary)
		case "deprecated":
			d.Deprecated = flag(L, at, v)
		case "hidden":
			d.Hidden = flag(L, at, v)
		case "tags":
			d.Tags = tags(L, at, v)
		case "responses":
			d.Responses = responses(L, at, v, warn)
		}
	})
	return d
}

func text(L *lua.LState, what string, v lua.LValue, most int) string {
	s, ok := v.(lua.LString)
	if !ok || s == "" || len(s) > most {
		L.RaiseError("%s must be a text of 1 to %d bytes", what, most)
	}
	return string(s)
}

func flag(L *lua.LState, what string, v lua.LValue) bool {
	if v != lua.LTrue && v != lua.LFalse {
		L.RaiseError("%s must be a boolean, not a %s", what, luaval.TypeName(v))
	}
	return v == lua.LTrue
}

func tags(L *lua.LState, what string, v lua.LValue) (list []string) {
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError("%s must be a list of texts, not a %s", what, luaval.TypeName(v))
	}
	for i := 1; t.RawGetInt(i) != lua.LNil; i++ {
		if i > openapi.MaxTags {
			L.RaiseError("%s: at most %d", what, openapi.MaxTags)
		}
		list = append(list, text(L, fmt.Sprintf("%s[%d]", what, i), t.RawGetInt(i), openapi.MaxSummary))
	}
	return list
}

// responses reads { [201] = { description = …, example = … } }.
func responses(L *lua.LState, what string, v lua.LValue, warn func(why string)) (list []openapi.Response) {
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError("%s must be a table by status, not a %s", what, luaval.TypeName(v))
	}
	var p luaval.Pace
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		p.Step(L)
		n, _ := k.(lua.LNumber)
		r := openapi.Response{Status: int(n)}
		if lua.LNumber(r.Status) != n || r.Status < 100 || r.Status > 599 {
			L.RaiseError("%s: %s is no status: a number from 100 to 599 expected", what, k)
		}
		if len(list) == openapi.MaxResponses {
			L.RaiseError("%s: at most %d", what, openapi.MaxResponses)
		}
		at := fmt.Sprintf("%s[%d]", what, r.Status)
		of, ok := v.(*lua.LTable)
		if !ok {
			L.RaiseError("%s must be a table, not a %s", at, luaval.TypeName(v))
		}
		ofResponse.EachOf(L, of, at, func(name string, v lua.LValue) { readResponse(L, at+"."+name, &r, name, v, warn) })
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b openapi.Response) int { return a.Status - b.Status })
	return list
}

func readResponse(L *lua.LState, what string, r *openapi.Response, name string, v lua.LValue, warn func(why string)) {
	switch name {
	case "description":
		r.Description = text(L, what, v, openapi.MaxDescription)
	case "schema":
		r.Schema = expect.Read(L, what, v, warn)
	case "example":
		data, _, err := luaval.CopyData(v, luaval.MaxDataBytes)
		if err != nil {
			L.RaiseError("%s: %s", what, err.Error())
		}
		r.Example, r.HasExample = luaval.GoValue(data), true
	}
}
