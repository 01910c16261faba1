package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/caddy-rover/rover/luart/route"
)

// What a pattern reads as, it is written as, and a path that is made of it finds it.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{
		"/", "//", "/a", "/a/", "/users/:id/delete", "/files/*rest", "/%3Aid", "/%2a", "/100%25", "/a%20b", "/{x", "/%7Bx%7D", "/\xff", "/a\nb",
		"/p_x/w_y", "/ws/get", "/%", "/a%2fb", "/..", "/%c3%a4/ä", `/\:x`, "/a?b", "/:a/:b/*c", "/a:b*c", "/%00",
	} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		segments, err := parsePattern(pattern)
		if err != nil {
			return
		}
		a := &API{}
		at, target, raw := &Node{api: a}, "", ""
		root := &route.Place[*int]{Pattern: "/"}
		place := root
		for i, s := range segments {
			at = &Node{api: a, Parent: at, Kind: s.kind, Name: s.name}
			place.Children = []*route.Place[*int]{{Kind: at.Kind, Name: at.Name, Pattern: at.Path()}}
			place = place.Children[0]
			value := s.name
			if s.kind != route.Static {
				value = fmt.Sprintf("v%d", i)
			}
			target += "/" + value
			raw += "/" + url.PathEscape(value)
		}
		again, err := parsePattern(at.Path())
		if err != nil && len(segments) > 0 || !slices.Equal(again, segments) {
			t.Fatalf("%q is %v, is written %q, is %v, %v", pattern, segments, at.Path(), again, err)
		}
		place.Handlers[route.Get] = new(int)
		tree := route.New(root)
		if len(segments) == 0 {
			target, raw = "/", "/"
		}
		u, err := url.Parse(raw)
		if err != nil || u.Path != target {
			return // what begins with two slashes names a host
		}
		var m route.Match[*int]
		tree.Find(&http.Request{Method: "GET", URL: u}, &m)
		if m.Handler == nil {
			t.Fatalf("%q does not match %q", pattern, raw)
		}
	})
}
