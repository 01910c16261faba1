package route

import (
	"net/http"
	"strings"
)

// Mounted is what a mount has of a request: the mount that is nearest to the path, and what of the
// path is below it.
type Mounted[H comparable] struct {
	Mount H      // the zero value: none
	Name  string // "css/app.css", "css/" of a folder; decoded, without a slash at its beginning

	// Slash: the path goes on behind the place of the mount, if only with a slash.
	Slash bool

	// Clear: Name can be read in one way: no segment is empty, but for the last one, has a slash, a
	// backslash, a NUL, or is one of dots. Nobody must take what is not clear for a file: routes
	// and hooks may have seen another path in it.
	Clear bool
}

// Mounted returns which mount has the files at the path of a request. Static places come before
// parameters, but for those whose mounts are nearer to the path.
func (t *Tree[H]) Mounted(r *http.Request) (found Mounted[H]) {
	p, escaped := matchedPath(r)
	if !t.hasMounts || !strings.HasPrefix(p, "/") {
		return found
	}
	s := mountSearch[H]{search: search[H]{escaped: escaped}, depth: -1}
	s.walk(t.root, p[1:], true, 0)
	if s.depth < 0 {
		return found
	}
	found = s.found
	found.Name, found.Clear = s.name(s.rest)
	return found
}

// mountSearch looks for the mount that is nearest to a path.
type mountSearch[H comparable] struct {
	search[H]
	found Mounted[H]
	rest  string // of the path, as it came
	depth int    // of what was found; -1: nothing was
}

// walk looks at n, and at what is below it. slash says that the path goes on behind n.
func (s *mountSearch[H]) walk(n *Node[H], rest string, slash bool, depth int) {
	var none H
	if n.Mount != none && depth > s.depth {
		s.depth, s.rest, s.found.Mount, s.found.Slash = depth, rest, n.Mount, slash
	}
	if !slash {
		return
	}
	seg, after, last := CutSegment(rest)
	value, ok := s.decode(seg)
	if !ok {
		return
	}
	if c := n.static[value]; c != nil {
		s.walk(c, after, !last, depth+1)
	}
	if c := n.param; c != nil && value != "" && value != "." && value != ".." {
		s.walk(c, after, !last, depth+1)
	}
}

// name decodes the rest of a path, segment by segment.
func (s *mountSearch[H]) name(rest string) (name string, ok bool) {
	segments := strings.Split(rest, "/")
	for i, seg := range segments {
		value, ok := s.decode(seg)
		if !ok || value == "." || value == ".." || value == "" && i < len(segments)-1 || strings.ContainsAny(value, "/\\\x00") {
			return "", false
		}
		segments[i] = value
	}
	return strings.Join(segments, "/"), true
}
