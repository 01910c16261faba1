package luart

import (
	"net/http"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/urltext"
)

// ctxQuery is ctx:query(). It raises a 400 for a query that cannot be read, or that servers
// read in different ways.
func ctxQuery(L *lua.LState) int {
	query := checkQuery(L, checkCtx(L))
	values, err := urltext.ParsePairs(query)
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, "query: "+err.Error())
	}
	L.Push(luaval.ValuesTable(L, values))
	return 1
}

// checkQuery returns the query as it is, or raises a 400 where nobody can say where it ends.
func checkQuery(L *lua.LState, x *Exchange) string {
	query := x.r.URL.RawQuery
	if err := urltext.CheckQueryText(query); err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, "query: "+err.Error())
	}
	return query
}

// ctxSetQuery is ctx:set_query(key, value): value nil removes the key; a list sets several.
// The values stand where the key's first pair was, or at the end; no other byte changes.
func ctxSetQuery(L *lua.LState) int {
	x := checkCtx(L)
	key := luaval.CheckString(L, 2)
	var values []string
	size := 0
	switch v := luaval.CheckAny(L, 3).(type) {
	case *lua.LNilType:
	case *lua.LTable:
		for i := 1; i <= v.Len(); i++ {
			s, ok := luaval.StringValue(v.RawGetInt(i))
			if !ok {
				luaval.ArgError(L, 3, "a list of strings expected, item "+strconv.Itoa(i)+" is a "+luaval.TypeName(v.RawGetInt(i)))
			}
			luaval.CheckBurst(L) // a value may be long
			size += len(s)
			luaval.CheckSize(L, size)
			values = append(values, s)
		}
	default:
		values = []string{luaval.CheckText(L, 3)}
	}
	u := *x.r.URL
	u.RawQuery = urltext.SetPairs(checkQuery(L, x), key, values)
	x.setURL(&u)
	return chain(L)
}
