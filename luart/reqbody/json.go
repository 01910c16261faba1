package reqbody

import (
	"net/http"
	"strings"
)

// CheckJSON returns an error, a *Error, unless a request with the headers h has a body that may be
// read as JSON: one whose Content-Type says so, or that has none.
//
// A browser sends text/plain and forms to other sites without asking them, cookies and all, so that
// they must not pass for JSON.
func CheckJSON(h http.Header) error {
	kind, _, err := mediaType(h)
	switch {
	case err != nil:
		return err
	case kind == "" && ofAnotherSite(h):
		return unsupported("a page of another site has sent it without a Content-Type: application/json expected")
	case kind != "" && !IsJSON(kind):
		return unsupported("Content-Type %q is not JSON: application/json, or a type that ends in +json", h.Get("Content-Type"))
	}
	return nil
}

// ofAnotherSite reports whether a browser may have sent a request for a page of another site, which can
// have it send a body without a type, cookies and all, and nobody is asked. Browsers say so; older
// ones say only where the page is from.
func ofAnotherSite(h http.Header) bool {
	if site := h.Values("Sec-Fetch-Site"); len(site) > 0 {
		return len(site) > 1 || site[0] != "same-origin" && site[0] != "none"
	}
	return len(h["Origin"]) > 0
}

// IsJSON reports whether a media type, in lower case and without parameters, is one of JSON.
func IsJSON(kind string) bool {
	return kind == "application/json" || strings.Contains(kind, "/") && strings.HasSuffix(kind, "+json")
}
