package route

import (
	"net/url"
	"strings"
)

// A route says what of a server may be reached through it, and hands the path on as it came. So what
// is behind must not read a path that is elsewhere: /api/..%2finternal is a path of the route
// /api/*rest, and /internal for nginx. Only dot segments lead out of a place. Where there are any,
// all readings are looked at, since one that comes about without them may be that of another
// server with them.

// leaves reports whether a reading of the path leads out of the place of the route that was found.
func (m *Match[H]) leaves(u *url.URL) bool {
	if m.node.Kind == Wildcard && len(m.node.Path) == 2 || !mayHaveDots(u) {
		return false // all paths are below the root
	}
	list, ok := readings(u)
	if !ok {
		return true
	}
	for _, r := range list {
		if !m.holds(r) {
			return true
		}
	}
	return false
}

// holds reports whether a reading has every segment of the route in front of the wildcard, or all of
// them, with the parameters that the handler is given.
func (m *Match[H]) holds(r reading) bool {
	rest, last := strings.TrimPrefix(r.path, "/"), r.path == "/"
	params := m.Params
	for _, n := range m.node.Path[1:] {
		if last {
			return false
		}
		if n.Kind == Wildcard {
			return true
		}
		var seg string
		seg, rest, last = CutSegment(rest)
		if r.decodes == 0 {
			seg = unescape(seg, false)
		}
		want := n.Name
		if n.Kind == Parameter {
			want, params = params[0].Value, params[1:]
		}
		if seg != want {
			return false
		}
	}
	return last
}

// mayHaveDots reports whether a reading of the path can have dot segments. It is for all requests,
// so it looks at the path with all escapes removed, in which each of them begins behind a slash
// or a backslash. No step makes one of what is none in it.
func mayHaveDots(u *url.URL) bool {
	if u.RawPath == "" {
		return hasDots(unescape(u.Path, false))
	}
	return hasDots(unescape(unescape(u.RawPath, false), false)) || hasDots(unescape(u.Path, false))
}

func hasDots(p string) bool {
	for at := 0; ; at++ {
		i := strings.IndexByte(p[at:], '.')
		if i < 0 {
			return false
		}
		at += i
		if at == 0 || p[at-1] != '/' && p[at-1] != '\\' {
			continue
		}
		rest := strings.TrimPrefix(p[at+1:], ".")
		if rest == "" || strings.IndexByte("/\\;?#\x00", rest[0]) >= 0 {
			return true
		}
	}
}
