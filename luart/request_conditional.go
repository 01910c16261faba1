package luart

import (
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// This file answers conditional requests (RFC 9110, section 13): where Lua answers GET or HEAD with a
// 200 that has an ETag or a Last-Modified, a client that has the same already gets a 304, and one that
// wants something else a 412. Upstreams do so themselves. A stream has begun by then, and is sent.

// checkPreconditions makes the reply a 304 or a 412 if the request says so.
func (x *Exchange) checkPreconditions() {
	r := &x.outcome.reply
	if r.status != http.StatusOK || r.from != nil || x.stream != nil ||
		x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return
	}
	etag, modified := first(r.header, "Etag"), first(r.header, "Last-Modified")
	if etag == "" && modified == "" {
		return
	}
	switch precondition(x.r.Header, etag, modified) {
	case http.StatusNotModified:
		r.status, r.body, r.filters = http.StatusNotModified, nil, nil
		r.header = r.header.Clone() // the script may return the response again
		for _, name := range [...]string{"Content-Type", "Content-Encoding", "Content-Length"} {
			delete(r.header, name)
		}
		if etag != "" {
			delete(r.header, "Last-Modified")
		}
	case http.StatusPreconditionFailed:
		failed := errorResponse(http.StatusPreconditionFailed, "Precondition failed")
		r.status, r.body, r.filters = failed.status, failed.body, nil
		r.header = r.header.Clone()
		delete(r.header, "Content-Encoding")
		r.header["Content-Type"] = []string{failed.ctype}
	}
}

func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// precondition returns the status that the conditions of a GET or HEAD ask for, 0 if they are met. The
// order is that of RFC 9110, 13.2.2.
func precondition(request http.Header, etag, modified string) int {
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
	date, err := http.ParseTime(first(h, name))
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
