package url

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Stubs are definitions of rover.url for editors. They must not be changed.
//
//go:embed url.lua
var Stubs string

// Open returns the rover.url table.
//
//	rover.url.encode(s) -> string
//		For one component: all but letters, digits and "-_.~" become %XX (a space %20).
//	rover.url.path(base, part, …) -> string
//		Joins a path that begins with "/" and parts of one, all as text that is not escaped, with "/", and escapes their
//		segments; a slash in a part stays one. A dot segment or NUL raises a 400: the path would lead elsewhere.
//	rover.url.decode(s) -> string | nil, message
//		Undoes it; "+" stays "+".
//	rover.url.parse(s) -> table | nil, message
//		scheme, host (with port), hostname, port (number), path (decoded), raw_path (as sent), raw_query,
//		query (first values), fragment, user, password, opaque ("a@b" of mailto:a@b). What is missing is nil, but
//		path, raw_path and query. A query pair that does not decode keeps its raw text.
//	rover.url.build(table) -> string | nil, message
//		The inverse, from the same fields. raw_path and raw_query are used only while they say the same as path and
//		query, so changing path or query is enough; each is enough without the other. host against hostname and port
//		must not contradict. nil and a message for fields that no URL has.
//	rover.url.query_encode(table) -> string
//		Form encoding (a space is "+"), keys sorted; a value is a string, number, boolean or an array of them, which
//		repeats the key. Anything else is a bad argument.
//	rover.url.query_decode(string) -> table | nil, message
//		First value of each name; "a" alone gives "".
func Open(L *lua.LState) *lua.LTable {
	return L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"encode":       encode,
		"decode":       decode,
		"path":         joinPath,
		"parse":        parse,
		"build":        build,
		"query_encode": queryEncode,
		"query_decode": queryDecode,
	})
}

// encode is rover.url.encode.
func encode(L *lua.LState) int {
	// QueryEscape keeps exactly the unreserved characters; only its space is not a component's.
	L.Push(lua.LString(strings.ReplaceAll(url.QueryEscape(luaval.CheckString(L, 1)), "+", "%20")))
	return 1
}

// decode is rover.url.decode.
func decode(L *lua.LState) int {
	decoded, err := url.PathUnescape(luaval.CheckString(L, 1))
	if err != nil {
		return failure(L, err)
	}
	L.Push(lua.LString(decoded))
	return 1
}

// failure returns nil and err's message to Lua.
func failure(L *lua.LState, err error) int {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = fmt.Errorf("invalid URL: %w", wrapped.Err)
	}
	L.Push(lua.LNil)
	L.Push(lua.LString(err.Error()))
	return 2
}

// parse is rover.url.parse.
func parse(L *lua.LState) int {
	u, err := url.Parse(luaval.CheckString(L, 1))
	if err != nil {
		return failure(L, err)
	}
	parts := L.NewTable()
	set := func(name, value string, present bool) {
		if present {
			parts.RawSetString(name, lua.LString(value))
		}
	}
	set("scheme", u.Scheme, u.Scheme != "")
	set("opaque", u.Opaque, u.Opaque != "")
	set("host", u.Host, u.Host != "")
	set("hostname", u.Hostname(), u.Host != "")
	set("path", u.Path, true)
	set("raw_path", u.EscapedPath(), true)
	set("raw_query", u.RawQuery, u.RawQuery != "" || u.ForceQuery)
	set("fragment", u.Fragment, u.Fragment != "")
	if u.User != nil {
		password, present := u.User.Password()
		set("user", u.User.Username(), true)
		set("password", password, present)
	}
	if text := u.Port(); text != "" {
		port, _ := strconv.ParseUint(text, 10, 64)
		if !validPort(text) {
			return failure(L, fmt.Errorf("invalid URL: port %s is out of range", text))
		}
		parts.RawSetString("port", lua.LNumber(port))
	}
	query, err := firstValues(L, u.RawQuery)
	if errors.Is(err, errPairs) {
		return failure(L, err)
	}
	parts.RawSetString("query", query)
	L.Push(parts)
	return 1
}

// build is rover.url.build.
func build(L *lua.LState) int {
	parts := luaval.CheckTable(L, 1)
	field := func(name string) (text string, present bool) {
		switch v := L.GetField(parts, name).(type) {
		case *lua.LNilType:
			return "", false
		case lua.LString, lua.LNumber:
			return luaval.ExactText(v), true
		default:
			luaval.ArgError(L, 1, fmt.Sprintf("field '%s': string expected, got %s", name, v.Type()))
			return "", false
		}
	}
	var u url.URL
	u.Scheme, _ = field("scheme")
	u.Opaque, _ = field("opaque")
	path, hasPath := field("path")
	rawPath, hasRawPath := field("raw_path")
	u.Path, u.RawPath = path, rawPath
	if hasRawPath && !hasPath {
		var err error
		if u.Path, err = url.PathUnescape(rawPath); err != nil {
			return failure(L, err)
		}
	}
	u.Fragment, _ = field("fragment")
	user, hasUser := field("user")
	password, hasPassword := field("password")
	switch {
	case hasPassword:
		u.User = url.UserPassword(user, password)
	case hasUser:
		u.User = url.User(user)
	}
	host, hasHost := field("host")
	hostname, hasHostname := field("hostname")
	port, hasPort := field("port")
	u.Host = host
	if !hasHost {
		u.Host = joinHost(hostname, port)
	} else if (hasHostname && hostname != u.Hostname()) || (hasPort && !samePort(port, u.Port())) {
		return failure(L, fmt.Errorf("host %q contradicts hostname and port %q: set host to nil, or both others",
			host, joinHost(hostname, port)))
	}
	if err := buildQuery(L, &u, parts, field); err != nil {
		return failure(L, err)
	}

	built := u.String()
	if err := readsBack(&u, built); err != nil {
		return failure(L, err)
	}
	L.Push(lua.LString(built))
	return 1
}

// readsBack reports whether built, made of u, has the same parts as u: fields may hold what no URL
// can ("sch eme", "a/b" as a host, "#" in a raw_query).
func readsBack(u *url.URL, built string) error {
	back, err := url.Parse(built)
	switch {
	case err != nil || back.Scheme != strings.ToLower(u.Scheme) || back.Host != u.Host:
		return fmt.Errorf("invalid URL: scheme %q and host %q do not make one", u.Scheme, u.Host)
	case !validPort(u.Port()):
		return fmt.Errorf("invalid URL: port %s is out of range", u.Port())
	case back.RawQuery != u.RawQuery && back.Opaque == u.Opaque:
		return fmt.Errorf("invalid URL: the query %q ends before its end", u.RawQuery)
	case back.Opaque != u.Opaque || back.Fragment != u.Fragment || u.User != nil && back.User.String() != u.User.String():
		return fmt.Errorf("invalid URL: %q reads back as something else", built)
	}
	return nil
}

// validPort reports whether a port, or none, is in range.
func validPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil
}

// samePort reports whether two ports are the same number: "080" is 80.
func samePort(a, b string) bool {
	m, errA := strconv.ParseUint(a, 10, 64)
	n, errB := strconv.ParseUint(b, 10, 64)
	return a == b || errA == nil && errB == nil && m == n
}

// joinHost joins what the host field of a URL holds, IPv6 addresses in brackets.
func joinHost(hostname, port string) string {
	switch {
	case port != "":
		return net.JoinHostPort(hostname, port)
	case strings.Contains(hostname, ":"):
		return "[" + hostname + "]"
	}
	return hostname
}

// buildQuery fills in the query of u: raw_query as it is while query has the values that raw_query decodes to
// (it may hold repeated names, which query does not), else query.
func buildQuery(L *lua.LState, u *url.URL, parts *lua.LTable, field func(string) (string, bool)) error {
	raw, hasRaw := field("raw_query")
	query := L.GetField(parts, "query")
	table, hasQuery := query.(*lua.LTable)
	if !hasQuery && query != lua.LNil {
		luaval.ArgError(L, 1, fmt.Sprintf("field 'query': table expected, got %s", query.Type()))
	}
	u.RawQuery, u.ForceQuery = raw, hasRaw
	if !hasQuery {
		return nil
	}
	encoded, err := EncodeForm(L, table)
	if err != nil {
		luaval.ArgError(L, 1, err.Error())
	}
	if hasRaw {
		first, _ := firstValues(L, raw)
		if same, _ := EncodeForm(L, first); same == encoded {
			return nil
		}
	}
	u.RawQuery, u.ForceQuery = encoded, false
	return nil
}

// queryEncode is rover.url.query_encode.
func queryEncode(L *lua.LState) int {
	encoded, err := EncodeForm(L, luaval.CheckTable(L, 1))
	if err != nil {
		luaval.ArgError(L, 1, err.Error())
	}
	L.Push(lua.LString(encoded))
	return 1
}

// queryDecode is rover.url.query_decode.
func queryDecode(L *lua.LState) int {
	values, err := firstValues(L, luaval.CheckString(L, 1))
	if err != nil {
		return failure(L, err)
	}
	L.Push(values)
	return 1
}

// MaxPairs is how many values a query is made of at most, and read of: no server takes more than some kilobytes.
const MaxPairs = 100_000

var errPairs = fmt.Errorf("query: more than %d values", MaxPairs)

// EncodeForm writes a table as a query, keys sorted; it fails on a key or value that no query can hold.
func EncodeForm(L *lua.LState, table *lua.LTable) (string, error) {
	var err error
	form := url.Values{}
	size, pairs, full := 0, 0, false
	var p luaval.Pace
	add := func(name string, v lua.LValue) {
		p.Step(L)
		size += len(name)
		pairs++
		switch {
		case size > luaval.MaxStringBytes:
			err, full = fmt.Errorf("query: longer than %d bytes", luaval.MaxStringBytes), true
			return
		case pairs > MaxPairs:
			err, full = errPairs, true
			return
		}
		if s, ok := v.(lua.LString); ok {
			size += len(s)
		}
		switch v.Type() {
		case lua.LTString, lua.LTNumber, lua.LTBool:
			form.Add(name, luaval.ExactText(v))
		default:
			err = fmt.Errorf("query '%s': string, number, boolean or an array of them expected, got %s", name, v.Type())
		}
	}
	table.ForEach(func(k, v lua.LValue) {
		p.Step(L)
		if err != nil { // one list may stand under a million names
			return
		}
		name, ok := k.(lua.LString)
		if !ok {
			err = fmt.Errorf("query: names must be strings, got the %s %s", k.Type(), k)
			return
		}
		list, ok := v.(*lua.LTable)
		if !ok {
			add(string(name), v)
			return
		}
		keys := 0
		list.ForEach(func(_, _ lua.LValue) {
			p.Step(L)
			if full {
				return
			}
			keys++
			add(string(name), list.RawGetInt(keys))
		})
		if !full && keys != list.Len() {
			err = fmt.Errorf("query '%s': an array has the keys 1 to n only", name)
		}
	})
	if err != nil {
		return "", err
	}
	return encodeValues(L, form), nil
}

// encodeValues is form.Encode, which looks at the burst.
func encodeValues(L *lua.LState, form url.Values) string {
	var out strings.Builder
	var p luaval.Pace
	for _, name := range slices.Sorted(maps.Keys(form)) {
		escaped := url.QueryEscape(name)
		for _, value := range form[name] {
			p.Step(L)
			if out.Len() > 0 {
				out.WriteByte('&')
			}
			out.WriteString(escaped + "=" + url.QueryEscape(value))
		}
	}
	return out.String()
}

// firstValues decodes a query into a table of first values. A pair that does not decode keeps its raw text there
// and gives an error.
func firstValues(L *lua.LState, query string) (*lua.LTable, error) {
	var failed error
	unescape := func(s string) string {
		text, err := url.QueryUnescape(s)
		if err != nil {
			failed = err
			return s
		}
		return text
	}
	values, pairs := L.NewTable(), 0
	var p luaval.Pace
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if pair == "" {
			continue
		}
		if pairs++; pairs > MaxPairs {
			return values, errPairs
		}
		p.Step(L)
		value = unescape(value) // of a later value, too, what does not decode is an error
		if name = unescape(name); values.RawGetString(name) == lua.LNil {
			values.RawSetString(name, lua.LString(value))
		}
	}
	return values, failed
}
