package route

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Param is a path parameter.
type Param struct{ Name, Value string }

// Match is what a tree says about a request. It can be used again for another one.
type Match[H comparable] struct {
	Handler H // the zero value: no route
	Params  []Param
	Known   []*Node[H] // without a handler: the nodes with routes at this path, for Allow
	Before  []H        // of the hooks that cover the request, in the order in which they run
	After   []H
	Done    []H
	Rules   []H // what is asked before any hook runs, as Before
	Here    []H // those of Rules that stand where a reading of the path ends, and not above

	Mount H // without a handler: the mount that the path is below

	// Unclear: the target is none that a hook can be looked up for, gives a parameter of a hook two
	// values, or leads out of the place of the route (see leaving.go). Nobody must get to see the
	// request.
	Unclear bool

	node   *Node[H]   // the handler's
	covers []*Node[H] // the nodes whose hooks cover the request
	ends   []*Node[H] // those of covers with rules at which a reading ends
}

// Reset makes m empty. It keeps what is allocated.
func (m *Match[H]) Reset() {
	clear(m.Params)
	clear(m.Known)
	clear(m.covers)
	clear(m.Before)
	clear(m.After)
	clear(m.Done)
	clear(m.Rules)
	clear(m.Here)
	clear(m.ends)
	*m = Match[H]{
		Params: m.Params[:0], Known: m.Known[:0], covers: m.covers[:0],
		Before: m.Before[:0], After: m.After[:0], Done: m.Done[:0], Rules: m.Rules[:0],
		Here: m.Here[:0], ends: m.ends[:0],
	}
}

// Wanted reports whether the request has anything to do with the tree.
func (m *Match[H]) Wanted() bool {
	var none H
	return m.Handler != none || m.Mount != none || len(m.Before) > 0 || len(m.After) > 0 || len(m.Done) > 0 || len(m.Rules) > 0 || m.Unclear
}

// Find fills m, which is empty, for a request.
func (t *Tree[H]) Find(r *http.Request, m *Match[H]) {
	p, escaped := matchedPath(r)
	if strings.HasPrefix(p, "/") {
		s := search[H]{method: methodOf(r), escaped: escaped, m: m}
		s.walk(t.root, p[1:], p == "/")
		if m.node == nil {
			m.Params = m.Params[:0]
			m.Mount = t.Mounted(r).Mount
		} else {
			m.Known = m.Known[:0]
			m.Unclear = m.leaves(r.URL)
		}
	}
	if t.root.covers {
		t.Collect(r, m)
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
type search[H comparable] struct {
	method  int
	escaped bool
	m       *Match[H]
}

// walk looks for a handler below n for the rest of a path: statics before the
// parameter before the wildcard, with backtracking. end says that the path ends at n.
func (s *search[H]) walk(n *Node[H], rest string, end bool) bool {
	if end {
		if !n.hasRoutes {
			return false
		}
		h, ok := n.handler(s.method)
		if !ok {
			s.m.Known = append(s.m.Known, n)
			return false
		}
		s.m.Handler, s.m.node = h, n
		return true
	}
	seg, after, last := CutSegment(rest)
	if seg, ok := s.decode(seg); ok {
		if c := n.static[seg]; c != nil && s.walk(c, after, last) {
			return true
		}
		// A dot segment is no value: a path made of it would lead elsewhere.
		if c := n.param; c != nil && seg != "" && seg != "." && seg != ".." {
			s.m.Params = append(s.m.Params, Param{c.Name, seg})
			if s.walk(c, after, last) {
				return true
			}
			s.m.Params = s.m.Params[:len(s.m.Params)-1]
		}
	}
	if c := n.wildcard; c != nil && rest != "" {
		if value, ok := s.decode(rest); ok && s.walk(c, "", true) {
			s.m.Params = append(s.m.Params, Param{c.Name, value})
			return true
		}
	}
	return false
}

// decode removes percent-encoding; false for a bad escape.
func (s *search[H]) decode(seg string) (string, bool) {
	if !s.escaped || strings.IndexByte(seg, '%') < 0 {
		return seg, true
	}
	d, err := url.PathUnescape(seg)
	return d, err == nil
}

// CutSegment splits the first segment off a path without its leading slash; last says that it was
// the last one.
func CutSegment(rest string) (seg, after string, last bool) {
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[:i], rest[i+1:], false
	}
	return rest, "", true
}

// Collect adds the hooks that cover a request. A hook covers its node and everything below: it
// applies when any reading of the path (see readings.go) lies there. It can be called
// again when the URL has changed; m.Before, m.After, m.Done, m.Rules and m.Here then get what is new at their ends.
func (t *Tree[H]) Collect(r *http.Request, m *Match[H]) {
	p, escaped := matchedPath(r)
	if !strings.HasPrefix(p, "/") {
		// A server behind may make any path of such a target (x:admin). Two have a meaning:
		// OPTIONS * is about the whole server, and CONNECT names a host instead of a path. The
		// latter is below no node, and may lead anywhere: only a hook for everything covers it.
		asterisk := p == "*" && r.Method == http.MethodOptions
		authority := p == "" && r.Method == http.MethodConnect && r.URL.Opaque == "" && !t.deepHooks
		m.Unclear = !asterisk && !authority
		m.addHooks(t.root)
		return
	}
	known := len(m.covers)
	c := coverage[H]{m: m, exact: p, escaped: escaped}
	m.covers = addOnce(m.covers, t.root)
	if p == "/" {
		m.endAt(t.root)
	}
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
			slices.SortFunc(found, func(a, b *Node[H]) int { return a.rank - b.rank })
		} else {
			m.Unclear = true
		}
	}
	for _, n := range m.covers[known:] {
		m.addHooks(n)
	}
	for _, n := range m.ends { // also of those that were covered, and are where the path ends by now
		for _, h := range n.Rules {
			m.Here = addOnce(m.Here, h)
		}
	}
}

// CollectRewritten is Collect for a path that the request has been rewritten to. The route that
// answers stays. It is none of the new path, so it switches no hooks off.
func (t *Tree[H]) CollectRewritten(r *http.Request, m *Match[H]) {
	node := m.node
	m.node = nil
	t.Collect(r, m)
	m.node = node
}

// coverage is one lookup of the nodes whose hooks cover a request.
type coverage[H comparable] struct {
	m       *Match[H]
	exact   string // the path that the route was found with
	escaped bool
}

// walk adds the nodes that a reading lies at or below, by depth, statics before parameters before
// wildcards. exact: it is the reading that routes are matched with. folded: case does not matter,
// and all servers look for one name of a segment.
func (c *coverage[H]) walk(root *Node[H], r reading, exact, folded bool) {
	if r.path == "/" {
		c.m.endAt(root)
		return
	}
	s := search[H]{escaped: exact && c.escaped || !exact && r.decodes == 0}
	var buf [8]*Node[H]
	level := append(buf[:0], root)
	rest, last := strings.TrimPrefix(r.path, "/"), false
	same, exactRest := true, c.exact[1:] // whether the reading is the exact one up to here
	var seg, exactSeg string
	for depth := 1; !last && len(level) > 0; depth++ {
		whole := rest
		seg, rest, last = CutSegment(rest)
		if same && !exact {
			exactSeg, exactRest, _ = CutSegment(exactRest)
			same = unescape(seg, false) == unescape(exactSeg, false)
		}
		value, ok := s.decode(seg)
		if !ok {
			value = seg
		}
		var next []*Node[H]
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
				c.param(p.Name, value, r.dots)
			}
		}
		for _, n := range next {
			c.m.covers = addOnce(c.m.covers, n)
		}
		for _, n := range level {
			if w := n.wildcard; w != nil && w.covers && whole != "" && c.applies(depth, same) {
				c.m.covers = addOnce(c.m.covers, w)
				c.m.endAt(w)
				if value, ok := s.decode(whole); ok {
					c.param(w.Name, value, r.dots)
				}
			}
		}
		if last && seg == "" { // servers may take /a/ for /a
			next = level
		}
		level = next
	}
	if last {
		for _, n := range level {
			c.m.endAt(n)
		}
	}
}

// endAt notes that a reading ends at a node that is covered.
func (m *Match[H]) endAt(n *Node[H]) {
	if len(n.Rules) > 0 {
		m.ends = addOnce(m.ends, n)
	}
}

// applies reports whether the hooks of a parameter or a wildcard at this depth apply. They do
// not where the route that answers has a static segment in that place: /users/me is not
// /users/:id. same says that the reading has what the route was found with up to here.
func (c *coverage[H]) applies(depth int, same bool) bool {
	n := c.m.node
	return n == nil || !same || depth >= len(n.Path) || n.Path[depth].Kind != Static
}

// param says what a parameter of a hook is. Where servers that remove dot segments see another
// value than those that do not, a hook could be shown one and the server behind take the other.
func (c *coverage[H]) param(name, value string, dots bool) {
	if value == "." || value == ".." {
		return // nobody asks for that by its name
	}
	for _, have := range c.m.Params {
		if have.Name == name {
			if dots && have.Value != value {
				c.m.Unclear = true
			}
			return
		}
	}
	c.m.Params = append(c.m.Params, Param{name, value})
}

func (m *Match[H]) addHooks(n *Node[H]) {
	for _, h := range n.Before {
		m.Before = addOnce(m.Before, h)
	}
	for _, h := range n.After {
		m.After = addOnce(m.After, h)
	}
	for _, h := range n.Rules {
		m.Rules = addOnce(m.Rules, h)
	}
	for _, h := range n.Done {
		m.Done = addOnce(m.Done, h)
	}
}

func addOnce[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
