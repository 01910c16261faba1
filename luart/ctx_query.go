package luart

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

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
	u.RawQuery = setPairs(checkQuery(L, x), key, values)
	x.setURL(&u)
	return chain(L)
}

// setPairs returns query with values in place of those that key has, however it is escaped.
func setPairs(query, key string, values []string) string {
	var made strings.Builder
	for i, v := range values {
		if i > 0 {
			made.WriteByte('&')
		}
		made.WriteString(url.QueryEscape(key) + "=" + url.QueryEscape(v))
	}
	var out strings.Builder
	begun, placed := false, len(values) == 0
	write := func(pair string) {
		if begun {
			out.WriteByte('&')
		}
		begun = true
		out.WriteString(pair)
	}
	if query != "" {
		for pair := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(pair, "=")
			switch {
			case pair == "" || lenientUnescape(name) != key:
				write(pair)
			case !placed:
				write(made.String())
				placed = true
			}
		}
	}
	if !placed {
		write(made.String())
	}
	return out.String()
}

// lenientUnescape decodes the escapes that are some and leaves the others, as browsers and
// most servers do with the name of a parameter.
func lenientUnescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && urltext.IsHex(s[i+1]) && urltext.IsHex(s[i+2]):
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8) // both are digits
			b = append(b, byte(n))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}
