// Package conditional says what a conditional request (RFC 9110, section 13) gets. Any goroutine may
// use it.
package conditional

import (
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// Status returns the status that the conditions of a GET or HEAD ask for, 0 if they are met. The
// order is that of RFC 9110, 13.2.2.
func Status(request http.Header, etag, modified string) int {
	changed, _ := http.ParseTime(modified)
	if list := request["If-Match"]; list != nil {
		if !matches(list, etag, strongMatch) {
			return http.StatusPreconditionFailed
		}
	} else if since, ok := dateOf(request, "If-Unmodified-Since"); ok && !changed.IsZero() && changed.After(since) {
		return http.StatusPreconditionFailed
	}
	if list := request["If-None-Match"]; list != nil {
		if matches(list, etag, weakMatch) {
			return http.StatusNotModified
		}
	} else if since, ok := dateOf(request, "If-Modified-Since"); ok && !changed.IsZero() && !changed.After(since) {
		return http.StatusNotModified
	}
	return 0
}

// dateOf returns the date in a header; ok is false where there is none, or what is no date.
func dateOf(h http.Header, name string) (date time.Time, ok bool) {
	date, err := http.ParseTime(h.Get(name))
	return date, err == nil
}

func strongMatch(a, b string) bool { return a == b && a != "" && a[0] == '"' }

func weakMatch(a, b string) bool {
	return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/")
}

// matches reports whether a list of entity tags, "*" being any, has etag. What comes behind something
// that is no tag is not looked at.
func matches(list []string, etag string, same func(a, b string) bool) bool {
	rest := strings.Join(list, ",")
	for {
		rest = textproto.TrimString(rest)
		switch {
		case rest == "":
			return false
		case rest[0] == ',':
			rest = rest[1:]
			continue
		case rest[0] == '*':
			return true
		}
		tag, after := cutTag(rest)
		if tag == "" {
			return false
		}
		if same(tag, etag) {
			return true
		}
		rest = after
	}
}

// cutTag cuts the entity tag off with which text begins, "" for none.
func cutTag(text string) (tag, rest string) {
	start := 0
	if strings.HasPrefix(text, "W/") {
		start = 2
	}
	if start >= len(text) || text[start] != '"' {
		return "", text
	}
	for i := start + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[:i+1], text[i+1:]
		case c < 0x21 || c == 0x7f:
			return "", text
		}
	}
	return "", text
}
