package route

import (
	"fmt"
	"net/http"
	"strings"
)

// PathPattern is a pattern of whole paths, as rate_limit of rover.server has them: "/x/*" is /x and
// everything below, "/x/:id" or "/x/*/y" a path of so many segments.
type PathPattern struct {
	segments []string // folded; anySegment is any
	below    bool     // what is below matches, too
}

// anySegment is no segment of a path.
const anySegment = "/"

// ParsePathPattern reads a pattern. "/" is all paths, as "/*" is.
func ParsePathPattern(text string) (p PathPattern, err error) {
	if !strings.HasPrefix(text, "/") {
		return p, fmt.Errorf("a pattern begins with a slash")
	}
	if strings.ContainsAny(text, "?#%") {
		return p, fmt.Errorf("a pattern is a path, without a query and without escapes")
	}
	rest := text[1:]
	if rest == "" || rest == "*" {
		return PathPattern{below: true}, nil
	}
	rest, p.below = strings.CutSuffix(rest, "/*")
	for seg := range strings.SplitSeq(rest, "/") {
		switch {
		case seg == "" || seg == "." || seg == "..":
			return p, fmt.Errorf("a segment of a pattern is a name, :name or *")
		case seg == "*" || seg[0] == ':':
			seg = anySegment
		case strings.Contains(seg, "*"):
			return p, fmt.Errorf("%q: * is a whole segment", seg)
		}
		p.segments = append(p.segments, fold(seg))
	}
	return p, nil
}

// FirstOf returns which of some patterns match a request: of each reading of its path the first
// that does. All are where the path can be read in more ways than are looked at.
func FirstOf(r *http.Request, patterns []PathPattern) (list []int) {
	path, escaped := matchedPath(r)
	look := func(path string) {
		for i, p := range patterns {
			if p.matches(path) {
				list = addOnce(list, i)
				return
			}
		}
	}
	each := func(path string) {
		look(path)
		if short := strings.TrimRight(path, "/"); short != path && short != "" {
			look(short)
		}
	}
	if one, _ := oneReading(path); one && !escaped {
		each(path)
		return list
	}
	readings, ok := readings(r.URL)
	if !ok {
		for i := range patterns {
			list = append(list, i)
		}
		return list
	}
	each(path)
	for _, reading := range readings {
		each(reading.path)
	}
	return list
}

func (p *PathPattern) matches(path string) bool {
	rest, last := strings.TrimPrefix(path, "/"), path == "/" || path == ""
	for _, want := range p.segments {
		if last {
			return false
		}
		var seg string
		seg, rest, last = CutSegment(rest)
		found := want == anySegment && seg != ""
		if want != anySegment {
			forms(seg, func(name string) { found = found || name == want })
		}
		if !found {
			return false
		}
	}
	return last || p.below
}
