package openapi

import (
	"net/url"
	"strconv"
	"strings"
)

// path is a pattern as OpenAPI has it: "/users/{id}".
type path struct {
	text   string
	shape  string // the same for paths that differ only in what their parameters are called
	params []pathParam
}

type pathParam struct {
	name string // in the document
	of   string // in the script
	rest bool   // it takes the rest of the path
}

// parsePath reads a pattern. Segments that are written out are escaped as they are in URLs.
func parsePath(pattern string) path {
	var p path
	if pattern == "/" {
		return path{text: "/", shape: "/"}
	}
	taken := map[string]bool{}
	for segment := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		if name, ok := strings.CutPrefix(segment, ":"); ok {
			p.add(taken, name, false)
		} else if name, ok := strings.CutPrefix(segment, "*"); ok {
			p.add(taken, name, true)
		} else {
			name, err := url.PathUnescape(segment)
			if err != nil { // no: the route tree has escaped it
				name = segment
			}
			escaped := "/" + url.PathEscape(name)
			p.text += escaped
			p.shape += escaped
		}
	}
	return p
}

func (p *path) add(taken map[string]bool, of string, rest bool) {
	name := strings.Map(func(r rune) rune {
		if r == '{' || r == '}' || r == '/' {
			return '_'
		}
		return r
	}, of)
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = name + "_" + strconv.Itoa(n)
	}
	taken[unique] = true
	p.params = append(p.params, pathParam{unique, of, rest})
	p.text += "/{" + unique + "}"
	p.shape += "/{}"
}

// pattern is the reverse of parsePath, as far as the shape goes.
func pattern(text string) string {
	segments := strings.Split(text, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, "{") {
			segments[i] = ":" + strings.Trim(segment, "{}")
		}
	}
	return strings.Join(segments, "/")
}
