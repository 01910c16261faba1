package route

import (
	"net/http"
	"strings"
)

// Reading is a path as some server may read it: one that tells the cases of letters apart, or one
// that does not.
type Reading struct {
	path   string
	folded bool
}

// ReadingsOf returns every reading of a request's path, the one that routes are matched with first.
// ok is false if there are too many.
func ReadingsOf(r *http.Request) (list []Reading, ok bool) {
	path, escaped := matchedPath(r)
	add := func(path string) { list = append(list, Reading{path, false}, Reading{path, true}) }
	add(path)
	if one, _ := oneReading(path); one && !escaped || !strings.HasPrefix(path, "/") {
		return list, true
	}
	all, ok := readings(r.URL)
	for _, reading := range all {
		if reading.path != path {
			add(reading.path)
		}
	}
	return list, ok
}

// Step is a segment of the pattern of a place.
type Step struct {
	Kind Kind
	Name string
}

// IsAt reports whether the reading lies at a place or below. No steps are the root, where all do.
func (r Reading) IsAt(place []Step) bool {
	rest, last := strings.TrimPrefix(r.path, "/"), r.path == "/" || !strings.HasPrefix(r.path, "/")
	for _, step := range place {
		if last {
			return false
		}
		whole := rest
		var seg string
		seg, rest, last = CutSegment(rest)
		found := false
		switch step.Kind {
		case Wildcard:
			return whole != ""
		case Parameter:
			found = seg != "" && seg != "." && seg != ".."
		case Static:
			if r.folded {
				name := fold(step.Name)
				forms(seg, func(form string) { found = found || form == name })
			} else {
				found = seg == step.Name || unescape(seg, false) == step.Name
			}
		}
		if !found {
			return false
		}
	}
	return true
}
