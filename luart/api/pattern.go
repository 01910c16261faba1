package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// Some segments cannot be written as a field of api: get, post, before and their like mean
// something at every node, json, error, on_start and their like directly on api, and p_ and w_
// begin a pattern. api:at("/users/:id/delete") names every node there is, by its path.

// segment is one segment of a pattern.
type segment struct {
	kind route.Kind
	name string // decoded; of a parameter or a wildcard its name
}

// parsePattern reads the pattern of api:at: a path as it is written in a URL, where :name is a
// parameter and *name, in the last place, a wildcard. "/" has no segments; "/a/" has two, the
// second of which is empty. The error says what cannot be meant. Any goroutine may call it.
func parsePattern(pattern string) ([]segment, error) {
	if !strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("a pattern begins with a slash")
	}
	if i := strings.IndexAny(pattern, "?#"); i >= 0 {
		return nil, fmt.Errorf("a pattern is a path, without a query; a segment has a %c as %%%02X", pattern[i], pattern[i])
	}
	if pattern == "/" {
		return nil, nil
	}
	parts := strings.Split(pattern[1:], "/")
	list := make([]segment, 0, len(parts))
	for i, part := range parts {
		s, err := parseSegment(part)
		if err != nil {
			return nil, err
		}
		if s.kind == route.Wildcard && i < len(parts)-1 {
			return nil, fmt.Errorf("%q takes the rest of the path, nothing can follow it; a segment that begins with * has it as %%2A", part)
		}
		list = append(list, s)
	}
	return list, nil
}

func parseSegment(part string) (segment, error) {
	if part != "" && (part[0] == ':' || part[0] == '*') {
		kind, what := route.Parameter, "parameter"
		if part[0] == '*' {
			kind, what = route.Wildcard, "wildcard"
		}
		if name := part[1:]; name == "" || chunk.Word(name) != name {
			return segment{}, fmt.Errorf("%q: a %s is a whole segment, and its name consists of letters, digits and _; "+
				"a segment that begins with %c has it as %%%02X", part, what, part[0], part[0])
		}
		return segment{kind, part[1:]}, nil
	}
	if len(part) > 2 && part[0] == '{' && part[len(part)-1] == '}' {
		return segment{}, fmt.Errorf("%q: a parameter is written :%s; a segment that begins with { has it as %%7B", part, part[1:len(part)-1])
	}
	name, err := url.PathUnescape(part)
	switch {
	case err != nil:
		return segment{}, fmt.Errorf("%q: a percent sign begins an escape such as %%20; a segment has one as %%25", part)
	case strings.Contains(name, "/"):
		return segment{}, fmt.Errorf("%q: a segment cannot hold a slash; a parameter, :name, matches one that does", part)
	case name == "." || name == "..":
		return segment{}, fmt.Errorf("%q: clients resolve . and .. before they ask", part)
	}
	return segment{route.Static, name}, nil
}

// escapeSegment writes a segment so that parseSegment reads it: what is no text, or means
// something in a pattern, is escaped. Any goroutine may call it.
func escapeSegment(name string) string {
	var out strings.Builder
	for i, r := range name {
		_, size := utf8.DecodeRuneInString(name[i:])
		switch {
		case r == utf8.RuneError && size == 1, r < 0x20, r == 0x7f, r == '%', r == '?', r == '#', r == '/',
			i == 0 && (r == ':' || r == '*' || r == '{'):
			fmt.Fprintf(&out, "%%%02X", name[i])
		default:
			out.WriteString(name[i : i+size])
		}
	}
	return out.String()
}

// luaKey is the access to a field: ".x", or ["well-known"]. Any goroutine may call it.
func luaKey(key string) string {
	if key == "" || chunk.Word(key) != key || '0' <= key[0] && key[0] <= '9' || slices.Contains(keywords, key) {
		return "[" + luaval.Quote(key) + "]"
	}
	return "." + key
}

// keywords are Lua's words that are no names.
var keywords = []string{
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or",
	"repeat", "return", "then", "true", "until", "while",
}

// AtCall is the call of api:at for a path. Any goroutine may call it.
func AtCall(path string) string { return "api:at(" + luaval.Quote(path) + ")" }
