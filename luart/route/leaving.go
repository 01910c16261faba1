package route

import (
	"net/url"
	"slices"
	"strings"
)

// Whoever sends a request on says what of a server may be reached through it, and hands the path on as
// it came. So what is behind must not read a path that is elsewhere: /api/..%2finternal is a path of
// the route /api/*rest, and /internal for nginx.
//
// Routes match the path as it came, so only dot segments lead out of their places. Where there are
// any, all readings are looked at, since one that comes about without them may be that of another
// server with them. Hooks cover all readings, also those that no other server has: //x/api is below
// /api only for those that take x for a host. What a hook sends on must be in its place in each.

// leaves reports whether a reading of the path leads out of the place of the route that was found.
func (m *Match[H]) leaves(u *url.URL) bool {
	if m.node.isEverywhere() || !mayHaveDots(u) {
		return false
	}
	return anyReading(u, func(r reading) bool { return !m.node.holds(r, m.Params) })
}

// HookLeaves reports whether a reading of the path leads out of the place of a before hook of m. Of
// what is none, it reports whether one may lead anywhere.
func (m *Match[H]) HookLeaves(hook H, u *url.URL) bool {
	n := m.placeOf(hook)
	switch {
	case n == nil:
		return mayHaveDots(u)
	case n.isEverywhere():
		return false
	}
	if one, _ := oneReading(u.Path); one && u.RawPath == "" {
		return !n.has(reading{path: u.Path, decodes: 1}, isNamed)
	}
	return anyReading(u, func(r reading) bool { return !n.has(r, isNamed) })
}

// HookUnclear reports whether some readings of the path are below the place of a before hook of m,
// in any case of letters, and others are not.
func (m *Match[H]) HookUnclear(hook H, u *url.URL) bool {
	n := m.placeOf(hook)
	if n == nil || n.isEverywhere() {
		return false
	}
	some := anyReading(u, func(r reading) bool { return n.has(r, mayBeNamed) })
	return some && anyReading(u, func(r reading) bool { return !n.has(r, mayBeNamed) })
}

// placeOf returns the node of a before hook of m; nil: it is none.
func (m *Match[H]) placeOf(hook H) *Node[H] {
	for _, n := range m.covers {
		if slices.Contains(n.Before, hook) {
			return n
		}
	}
	return nil
}

// isEverywhere reports whether all paths are at the place or below it.
func (n *Node[H]) isEverywhere() bool {
	return len(n.Path) == 1 || n.Kind == Wildcard && len(n.Path) == 2
}

func anyReading(u *url.URL, is func(reading) bool) bool {
	list, ok := readings(u)
	return !ok || slices.ContainsFunc(list, is)
}

// holds reports whether a reading has every segment of a place in front of its wildcard, or all of
// them and no more, with the parameters that the handler is given.
func (n *Node[H]) holds(r reading, params []Param) bool {
	rest, in := n.within(r, isNamed, func(seg string) bool {
		value := params[0].Value
		params = params[1:]
		return seg == value
	})
	return in && (n.Kind == Wildcard || rest == "")
}

// has reports whether a reading is at a place or below it. is says whether a segment is a name.
func (n *Node[H]) has(r reading, is func(seg, name string) bool) bool {
	_, in := n.within(r, is, func(seg string) bool { return seg != "" && seg != "." && seg != ".." })
	return in
}

// isNamed reports whether a segment is a name, as routes have it.
func isNamed(seg, name string) bool { return seg == name }

// mayBeNamed reports whether a server may take a segment for a name, as hooks have it.
func mayBeNamed(seg, name string) (is bool) {
	name = fold(name)
	forms(seg, func(form string) { is = is || form == name })
	return is
}

// within reports whether a reading begins with the segments of a place, those in front of a wildcard
// if that is the last one, and returns what is left, with its slash. isName says whether a segment is
// that of a name, and isParam whether one may stand for the next parameter.
func (n *Node[H]) within(r reading, isName func(seg, name string) bool, isParam func(seg string) bool) (rest string, in bool) {
	rest = r.path
	if rest == "/" { // it has no segment
		rest = ""
	}
	for _, p := range n.Path[1:] {
		if rest == "" {
			return "", false
		}
		if p.Kind == Wildcard {
			return rest, true
		}
		seg, after, last := CutSegment(strings.TrimPrefix(rest, "/"))
		if rest = ""; !last {
			rest = "/" + after
		}
		if r.decodes == 0 {
			seg = unescape(seg, false)
		}
		if p.Kind == Parameter && !isParam(seg) || p.Kind == Static && !isName(seg, p.Name) {
			return "", false
		}
	}
	return rest, true
}

// MayHaveDots reports whether a reading of an escaped path can have dot segments. It is for all
// requests, so it looks at the path with all escapes removed, in which each of them begins behind a
// slash or a backslash. No step makes one of what is none in it.
func MayHaveDots(escaped string) bool { return hasDots(unescape(unescape(escaped, false), false)) }

// mayHaveDots is MayHaveDots for the path of a URL.
func mayHaveDots(u *url.URL) bool {
	return u.RawPath != "" && MayHaveDots(u.RawPath) || hasDots(unescape(u.Path, false))
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
