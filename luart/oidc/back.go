package oidc

import (
	"net/http"
	"net/url"
	"strings"
)

// maxBack bounds the path that a browser comes back to: cookies have it.
const maxBack = 1024

// Back is a path and query of the own site that a browser may be sent to: text, or / where that is
// nothing of the kind. What browsers or servers could read as another host is never returned.
func Back(text string) string {
	if len(text) > maxBack || !isOwnPath(text) {
		return "/"
	}
	return text
}

// isOwnPath reports whether text is a path of the own site however somebody reads it: also with its
// escapes undone, as some proxies do, and with \ for /, as browsers do. Dot segments are refused.
func isOwnPath(text string) bool {
	if !strings.HasPrefix(text, "/") {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	path, _, _ := strings.Cut(text, "?")
	for range 3 { // escapes of escapes
		if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) || isRelative(path) {
			return false
		}
		plain, err := url.PathUnescape(path)
		if err != nil {
			return false
		}
		if plain == path {
			break
		}
		path = plain
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil
}

// isRelative reports whether a path has a segment that leads elsewhere, or begins as a host does.
func isRelative(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return strings.HasPrefix(path, "//")
}

// IsNavigation reports whether a browser shows the answer of a request as a page: only then does a
// redirect to the provider help. Scripts, forms that are sent, and WebSockets are told by a status.
func IsNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || len(r.Header["Upgrade"]) > 0 {
		return false
	}
	if strings.EqualFold(r.Header.Get("X-Requested-With"), "XMLHttpRequest") {
		return false
	}
	if mode := r.Header["Sec-Fetch-Mode"]; len(mode) > 0 {
		return len(mode) == 1 && mode[0] == "navigate"
	}
	for part := range strings.SplitSeq(strings.Join(r.Header["Accept"], ","), ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "text/html", "application/xhtml+xml":
			return true
		}
	}
	return false
}
