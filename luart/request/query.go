package request

import (
	"net/http"
	"net/url"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/urltext"
)

// Query is ctx:query(). It raises a 400 for a query that cannot be read, or that servers
// read in different ways. methods are those of the table of some values, beside all.
func Query(L *lua.LState, r *http.Request, methods func(url.Values) luaval.Method) lua.LValue {
	query := checkQuery(L, r)
	values, err := urltext.ParsePairs(query)
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, "query: "+err.Error())
	}
	return luaval.ValuesTable(L, values, methods(values))
}

// checkQuery returns the query as it is, or raises a 400 where nobody can say where it ends.
func checkQuery(L *lua.LState, r *http.Request) string {
	query := r.URL.RawQuery
	if err := urltext.CheckQueryText(query); err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, "query: "+err.Error())
	}
	return query
}

// SetQuery returns the URL of r with the query that ctx:set_query(key, value) says: value nil removes
// the key; a list sets several.
// The values stand where the key's first pair was, or at the end; no other byte changes.
func SetQuery(L *lua.LState, r *http.Request) *url.URL {
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
	u := *r.URL
	u.RawQuery = urltext.SetPairs(checkQuery(L, r), key, values)
	return &u
}
