package luart

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// param is one path parameter.
type param struct{ name, value string }

// routeMatch is what the tree says about a request.
type routeMatch struct {
	handler *handler // nil: no route
	node    *node    // the handler's
	params  []param
	known   []*node // without a handler: the nodes with routes at this path, for Allow
	covers  []*node // the nodes whose hooks cover the request
	before  []*handler
	after   []*handler

	// unclear: the target is none that a hook can be looked up for, or gives a parameter of a
	// hook two values. Nobody must get to see the request.
	unclear bool
}

func (m *routeMatch) reset() {
	clear(m.params)
	clear(m.known)
	clear(m.covers)
	clear(m.before)
	clear(m.after)
	*m = routeMatch{
		params: m.params[:0], known: m.known[:0], covers: m.covers[:0],
		before: m.before[:0], after: m.after[:0],
	}
}

// wanted reports whether the request has anything to do with this tree.
func (m *routeMatch) wanted() bool {
	return m.handler != nil || len(m.before) > 0 || len(m.after) > 0 || m.unclear
}

// find fills m for a request. Any goroutine may call it.
func (t *tree) find(r *http.Request, m *routeMatch) {
	p, escaped := matchedPath(r)
	if strings.HasPrefix(p, "/") {
		s := search{method: requestMethod(r), escaped: escaped, m: m}
		m.handler = s.walk(t.root, p[1:], p == "/")
		if m.handler == nil {
			m.params = m.params[:0]
		} else {
			m.known = m.known[:0]
		}
	}
	if t.root.covers {
		t.collect(r, m)
	}
}

// matchedPath returns the path that routes are matched with; escaped says that its segments
// are to be decoded one by one, since an escape in it says something, like %2F.
func matchedPath(r *http.Request) (p string, escaped bool) {
	u := r.URL
	switch {
	case u.RawPath != "":
		return u.EscapedPath(), true
	case u.Path == "" && u.Opaque == "" && r.Method != http.MethodConnect:
		return "/", false // http://host means http://host/
	}
	return u.Path, false
}

// search is one walk down the tree.
type search struct {
	method  int
	escaped bool
	m       *routeMatch
}

// walk looks for a handler below n for the rest of a path: statics before the
// parameter before the wildcard, with backtracking. end says that the path ends at n.
func (s *search) walk(n *node, rest string, end bool) *handler {
	if end {
		if !n.hasRoutes {
			return nil
		}
		h := n.handler(s.method)
		if h == nil {
			s.m.known = append(s.m.known, n)
		} else {
			s.m.node = n
		}
		return h
	}
	seg, after, last := cut(rest)
	if seg, ok := s.decode(seg); ok {
		if c := n.static[seg]; c != nil {
			if h := s.walk(c, after, last); h != nil {
				return h
			}
		}
		// A dot segment is no value: a path made of it would lead elsewhere.
		if c := n.param; c != nil && seg != "" && seg != "." && seg != ".." {
			s.m.params = append(s.m.params, param{c.name, seg})
			if h := s.walk(c, after, last); h != nil {
				return h
			}
			s.m.params = s.m.params[:len(s.m.params)-1]
		}
	}
	if c := n.wildcard; c != nil && rest != "" {
		if value, ok := s.decode(rest); ok {
			if h := s.walk(c, "", true); h != nil {
				s.m.params = append(s.m.params, param{c.name, value})
				return h
			}
		}
	}
	return nil
}

// decode removes percent-encoding; false for a bad escape.
func (s *search) decode(seg string) (string, bool) {
	if !s.escaped || strings.IndexByte(seg, '%') < 0 {
		return seg, true
	}
	d, err := url.PathUnescape(seg)
	return d, err == nil
}

// cut splits the first segment off; last says that it was the last one.
func cut(rest string) (seg, after string, last bool) {
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[:i], rest[i+1:], false
	}
	return rest, "", true
}

// collect adds the hooks that cover a request. A hook covers its node and everything below: it
// applies when any reading of the path (see readings.go) lies there. It can be called
// again when the URL has changed; m.before and m.after then get what is new at their ends.
func (t *tree) collect(r *http.Request, m *routeMatch) {
	p, escaped := matchedPath(r)
	if !strings.HasPrefix(p, "/") {
		// A server behind may make any path of such a target (x:admin). Two have a meaning:
		// OPTIONS * is about the whole server, and CONNECT names a host instead of a path. The
		// latter is below no node, and may lead anywhere: only a hook for everything covers it.
		asterisk := p == "*" && r.Method == http.MethodOptions
		authority := p == "" && r.Method == http.MethodConnect && r.URL.Opaque == "" && !t.deepHooks
		m.unclear = !asterisk && !authority
		m.addHooks(t.root)
		return
	}
	known := len(m.covers)
	c := coverage{m: m, exact: p, escaped: escaped}
	m.covers = addOnce(m.covers, t.root)
	if t.deepHooks {
		one, folded := false, false
		if !escaped {
			one, folded = oneReading(p)
		}
		if one {
			c.walk(t.root, reading{path: p}, true, folded)
		} else if list, ok := readings(r.URL); ok {
			c.walk(t.root, reading{path: p}, true, false)
			for _, reading := range list {
				c.walk(t.root, reading, false, false)
			}
			found := m.covers[known:]
			slices.SortFunc(found, func(a, b *node) int { return a.rank - b.rank })
		} else {
			m.unclear = true
		}
	}
	for _, n := range m.covers[known:] {
		m.addHooks(n)
	}
}

// coverage is one lookup of the nodes whose hooks cover a request.
type coverage struct {
	m       *routeMatch
	exact   string // the path that the route was found with
	escaped bool
}

// walk adds the nodes that a reading lies at or below, by depth, statics before parameters before
// wildcards. exact: it is the reading that routes are matched with. folded: case does not matter,
// and all servers look for one name of a segment.
func (c *coverage) walk(root *node, r reading, exact, folded bool) {
	if r.path == "/" {
		return
	}
	s := search{escaped: exact && c.escaped || !exact && r.decodes == 0}
	var buf [8]*node
	level := append(buf[:0], root)
	rest, last := strings.TrimPrefix(r.path, "/"), false
	same, exactRest := true, c.exact[1:] // whether the reading is the exact one up to here
	var seg, exactSeg string
	for depth := 1; !last && len(level) > 0; depth++ {
		whole := rest
		seg, rest, last = cut(rest)
		if same && !exact {
			exactSeg, exactRest, _ = cut(exactRest)
			same = unescape(seg, false) == unescape(exactSeg, false)
		}
		value, ok := s.decode(seg)
		if !ok {
			value = seg
		}
		var next []*node
		static := func(name string) {
			for _, n := range level {
				for _, child := range n.folded[name] {
					next = addOnce(next, child)
				}
			}
		}
		switch {
		case folded:
			static(seg)
		case exact && !c.escaped:
			static(fold(seg))
		default:
			forms(seg, static)
		}
		for _, n := range level {
			if p := n.param; p != nil && p.covers && seg != "" && c.applies(depth, same) {
				next = append(next, p)
				c.param(p.name, value, r.dots)
			}
		}
		for _, n := range next {
			c.m.covers = addOnce(c.m.covers, n)
		}
		for _, n := range level {
			if w := n.wildcard; w != nil && w.covers && whole != "" && c.applies(depth, same) {
				c.m.covers = addOnce(c.m.covers, w)
				if value, ok := s.decode(whole); ok {
					c.param(w.name, value, r.dots)
				}
			}
		}
		level = next
	}
}

// applies reports whether the hooks of a parameter or a wildcard at this depth apply. They do
// not where the route that answers has a static segment in that place: /users/me is not
// /users/:id. same says that the reading has what the route was found with up to here.
func (c *coverage) applies(depth int, same bool) bool {
	n := c.m.node
	return n == nil || !same || depth >= len(n.path) || n.path[depth].kind != kindStatic
}

// param says what a parameter of a hook is. Where servers that remove dot segments see another
// value than those that do not, a hook could be shown one and the server behind take the other.
func (c *coverage) param(name, value string, dots bool) {
	if value == "." || value == ".." {
		return // nobody asks for that by its name
	}
	for _, have := range c.m.params {
		if have.name == name {
			if dots && have.value != value {
				c.m.unclear = true
			}
			return
		}
	}
	c.m.params = append(c.m.params, param{name, value})
}

func (m *routeMatch) addHooks(n *node) {
	for _, h := range n.before {
		m.before = addOnce(m.before, h)
	}
	for _, h := range n.after {
		m.after = addOnce(m.after, h)
	}
}

func addOnce[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
