package luart

import (
	"net/http"
	"net/url"
	"path"
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
	before  []*handler
	after   []*handler
}

func (m *routeMatch) reset() {
	clear(m.params)
	clear(m.known)
	clear(m.before)
	clear(m.after)
	*m = routeMatch{params: m.params[:0], known: m.known[:0], before: m.before[:0], after: m.after[:0]}
}

// wanted reports whether the request has anything to do with this tree.
func (m *routeMatch) wanted() bool {
	return m.handler != nil || len(m.before) > 0 || len(m.after) > 0
}

// find fills m for a request. Any goroutine may call it.
func (t *tree) find(r *http.Request, m *routeMatch) {
	p, escaped := r.URL.Path, false
	if r.URL.RawPath != "" {
		// An escape that says something, like %2F: compare segment by segment.
		p, escaped = r.URL.EscapedPath(), true
	}
	if strings.HasPrefix(p, "/") {
		s := search{method: requestMethod(r.Method), escaped: escaped, m: m}
		m.handler = s.walk(t.root, p[1:], p == "/")
		if m.handler == nil {
			m.params = m.params[:0]
		} else {
			m.known = m.known[:0]
		}
	}
	if t.hooks {
		t.collect(p, escaped, m)
		if alias := cleaned(r.URL, p); alias != p {
			t.collect(alias, false, m)
		}
	}
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
		if c := n.param; c != nil && seg != "" {
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

// collect adds the hooks that apply to path. A hook covers its node and everything
// below, so it applies when the node matches the beginning of the path; where a route
// answers, the hooks of a parameter or a wildcard apply only if the route runs
// through it (/users/me is not /users/:id, but with no route both guards count).
// Hooks come in the order of depth, statics first.
func (t *tree) collect(p string, escaped bool, m *routeMatch) {
	m.addHooks(t.root)
	if !strings.HasPrefix(p, "/") || p == "/" {
		return
	}
	s := search{escaped: escaped}
	var buf [8]*node
	level := append(buf[:0], t.root)
	rest, last := p[1:], false
	var seg string
	for depth := 1; !last && len(level) > 0; depth++ {
		whole := rest
		seg, rest, last = cut(rest)
		decoded, ok := s.decode(seg)
		var next []*node
		for _, n := range level {
			if !ok {
				break
			}
			if c := n.static[decoded]; c != nil {
				m.addHooks(c)
				next = append(next, c)
			}
		}
		for _, n := range level {
			if c := n.param; c != nil && ok && decoded != "" && m.through(c, depth) {
				m.addHooks(c)
				m.addParam(c.name, decoded)
				next = append(next, c)
			}
		}
		for _, n := range level {
			if c := n.wildcard; c != nil && whole != "" && m.through(c, depth) {
				m.addHooks(c)
				if value, ok := s.decode(whole); ok {
					m.addParam(c.name, value)
				}
			}
		}
		level = next
	}
}

// through reports whether the hooks of a pattern at this depth apply.
func (m *routeMatch) through(n *node, depth int) bool {
	return m.handler == nil || depth < len(m.node.path) && m.node.path[depth] == n
}

func (m *routeMatch) addHooks(n *node) {
	for _, h := range n.before {
		m.before = addOnce(m.before, h)
	}
	for _, h := range n.after {
		m.after = addOnce(m.after, h)
	}
}

func addOnce(list []*handler, h *handler) []*handler {
	for _, have := range list {
		if have == h {
			return list
		}
	}
	return append(list, h)
}

func (m *routeMatch) addParam(name, value string) {
	for _, have := range m.params {
		if have.name == name {
			return
		}
	}
	m.params = append(m.params, param{name, value})
}

// cleaned returns the path as a lax backend may read it: escapes decoded, %2F and
// backslashes taken for slashes, double slashes and dot segments resolved. A guard on
// /admin must also see /x/../admin, //admin and /admin%2Fpanel, since the backend
// behind may serve /admin for them.
func cleaned(u *url.URL, p string) string {
	if u.RawPath == "" && !strings.Contains(p, "//") && !strings.Contains(p, "/.") && !strings.Contains(p, `\`) {
		return p
	}
	c := strings.ReplaceAll(u.Path, `\`, "/")
	c = path.Clean("/" + c)
	if strings.HasSuffix(u.Path, "/") && c != "/" {
		c += "/"
	}
	return c
}
