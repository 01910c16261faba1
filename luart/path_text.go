package luart

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// readPath reads a path that a script has written as it stands in a URL. It returns it
// decoded, and as it is sent: bytes that no URL has are escaped, all others stay. The error
// says what can be read in two ways: where the path ends, or to which folder it leads.
func readPath(text string) (decoded, sent string, err error) {
	for i := range len(text) {
		switch c := text[i]; {
		case c <= ' ', c == 0x7f, c == '?', c == '#':
			return "", "", pathError(text, fmt.Sprintf("%q must be escaped, as %s", c, escapeByte(c)))
		case c == '%' && (i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2])):
			return "", "", pathError(text, strconv.Quote(text[i:min(i+3, len(text))])+" is not an escape, a percent sign is written %25")
		}
	}
	if decoded, err = url.PathUnescape(text); err != nil { // it has been looked at
		return "", "", pathError(text, err.Error())
	}
	if why := leadsElsewhere(decoded); why != "" {
		return "", "", pathError(text, why)
	}
	return decoded, escapeUnsendable(text), nil
}

// pathError is an error about a path. It names what builds one of text that is not escaped.
func pathError(text, why string) error {
	const most = 200
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Errorf("the path %q: %s (rover.url.path(base, …) escapes parts such as parameters)", text, why)
}

// leadsElsewhere says what is wrong with a decoded path that a server may resolve to
// another one: dot segments, where some take a backslash for a slash and some cut what
// follows a semicolon off, and NUL, where some stop. "" is for nothing.
func leadsElsewhere(decoded string) string {
	if strings.IndexByte(decoded, 0) >= 0 {
		return "it contains a NUL, decoded"
	}
	if strings.IndexByte(decoded, '.') < 0 {
		return ""
	}
	for segment := range strings.FieldsFuncSeq(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment, _, _ = strings.Cut(segment, ";"); segment == "." || segment == ".." {
			return fmt.Sprintf("it has the segment %q, decoded, and would lead elsewhere", segment)
		}
	}
	return ""
}

// escapeUnsendable escapes the bytes of an escaped path that cannot stand in a URL. net/url
// would decode and escape all of it instead, and make "/" of "%2F".
func escapeUnsendable(path string) string {
	var b strings.Builder
	kept := 0
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"#<>?\\^`{|}", c) >= 0 {
			b.WriteString(path[kept:i])
			b.WriteString(escapeByte(c))
			kept = i + 1
		}
	}
	if kept == 0 {
		return path
	}
	return b.String() + path[kept:]
}

// raisePathError answers with a 400: most often it was a client's bytes that made the path.
func raisePathError(L *lua.LState, what string, err error) {
	raiseStatus(L, http.StatusBadRequest, what+": "+err.Error())
}

// setPath makes path, escaped as in a URL, and query the request's.
func (x *Exchange) setPath(L *lua.LState, what, path, query string) {
	decoded, sent, err := readPath(path)
	if err != nil {
		raisePathError(L, what, err)
	}
	u := *x.r.URL
	u.Opaque, u.RawQuery = "", query
	u.Path, u.RawPath = decoded, ""
	if u.EscapedPath() != sent {
		u.RawPath = sent
	}
	x.setURL(&u)
	x.rewritten = true
}

// ctxRewrite is ctx:rewrite(path[, query]): path is escaped as in a URL; query without "?".
// Without query the old one stays. A path or a query that cannot be read in one way raises
// a 400.
func ctxRewrite(L *lua.LState) int {
	x := checkCtx(L)
	path := L.CheckString(2)
	if !strings.HasPrefix(path, "/") {
		L.ArgError(2, "path beginning with / expected, got "+strconv.Quote(path)+" (ctx:strip_prefix takes a prefix off)")
	}
	query := x.r.URL.RawQuery
	if L.Get(3) != lua.LNil {
		query = L.CheckString(3)
		if err := checkQueryText(query); err != nil {
			raiseStatus(L, http.StatusBadRequest, "ctx:rewrite: query: "+err.Error())
		}
	}
	x.setPath(L, "ctx:rewrite", path, query)
	return chain(L)
}

// ctxStripPrefix is ctx:strip_prefix(prefix): it takes whole segments off the beginning of
// the path, however they are escaped, and returns true; false, and nothing has changed,
// where the path does not begin with them. The rest stays as it is escaped.
func ctxStripPrefix(L *lua.LState) int {
	x := checkCtx(L)
	prefix := strings.TrimSuffix(L.CheckString(2), "/")
	if !strings.HasPrefix(prefix, "/") {
		L.ArgError(2, "prefix beginning with / and a segment expected, got "+strconv.Quote(L.CheckString(2)))
	}
	rest, ok := "", x.r.URL.Opaque == ""
	if ok {
		rest, ok = stripPrefix(x.r.URL.EscapedPath(), prefix)
	}
	if ok {
		x.setPath(L, "ctx:strip_prefix", rest, x.r.URL.RawQuery)
	}
	L.Push(lua.LBool(ok))
	return 1
}

// checkProxyPath returns the option path of f, "path[?query]", as it is sent.
func checkProxyPath(L *lua.LState, f, text string) string {
	if !strings.HasPrefix(text, "/") {
		L.RaiseError("%s: option path cannot be a string (%s): a path begins with /", f, text)
	}
	path, query, hasQuery := strings.Cut(text, "?")
	_, sent, err := readPath(path)
	if err == nil && hasQuery {
		if err = checkQueryText(query); err != nil {
			err = fmt.Errorf("query: %w", err)
		}
		sent += "?" + query
	}
	if err != nil {
		raisePathError(L, f+": option path", err)
	}
	return sent
}

// stripPrefix returns what is left of an escaped path behind the segments of prefix.
func stripPrefix(path, prefix string) (rest string, ok bool) {
	for segment := range strings.SplitSeq(prefix[1:], "/") {
		if !strings.HasPrefix(path, "/") {
			return "", false
		}
		have, after, last := cut(path[1:])
		decoded, err := url.PathUnescape(have)
		if wanted, bad := url.PathUnescape(segment); err != nil || bad != nil || decoded != wanted {
			return "", false
		}
		path = ""
		if !last {
			path = "/" + after
		}
	}
	if path == "" {
		path = "/"
	}
	return path, true
}

// urlPath is rover.url.path(base, part, …). Only the holder may call it.
func urlPath(L *lua.LState) int {
	if base := checkText(L, 1); !strings.HasPrefix(base, "/") {
		L.ArgError(1, "path beginning with / expected, got "+strconv.Quote(base))
	}
	n := L.GetTop()
	size := 0
	parts := make([]string, n)
	for i := range parts {
		parts[i] = checkText(L, i+1)
		if i < n-1 {
			parts[i] = strings.TrimSuffix(parts[i], "/") // one more slash comes
		}
		size += len(parts[i]) + 1
	}
	luaval.CheckSize(L, 3*size)
	path := strings.Join(parts, "/")
	if why := leadsElsewhere(path); why != "" {
		raiseStatus(L, http.StatusBadRequest, "rover.url.path: "+why)
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	L.Push(lua.LString(strings.Join(segments, "/")))
	return 1
}
