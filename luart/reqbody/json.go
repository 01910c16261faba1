package reqbody

import (
	"fmt"
	"net/http"
	"strings"
)

// CheckJSON returns an error, a *Error, unless a request with the headers h has a body that may be
// read as JSON: one whose Content-Type says so, or that has none.
//
// Anything else is a 415, because there is somebody who reads the body in another way. A browser
// sends text/plain and forms to other sites without asking them, cookies and all, so that they
// must not pass for JSON; and an upstream undoes a Content-Encoding, or reads another charset: in
// Shift_JIS a backslash may be half of a character.
func CheckJSON(h http.Header) error {
	kind, params, err := FormType(h)
	if err == nil && kind == "" && ofAnotherSite(h) {
		return unsupported("a page of another site has sent it without a Content-Type: application/json expected")
	}
	switch charset := strings.ToLower(params["charset"]); {
	case err != nil:
		return err
	case kind != "" && !IsJSON(kind):
		return unsupported("Content-Type %q is not JSON: application/json, or a type that ends in +json", h.Get("Content-Type"))
	case charset != "" && charset != "utf-8" && charset != "us-ascii":
		return unsupported("JSON in the charset %q: it is UTF-8", charset)
	}
	for _, coding := range h["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return unsupported("Content-Encoding %q: it is not decoded here", coding)
		}
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

func unsupported(format string, args ...any) error {
	return &Error{http.StatusUnsupportedMediaType, "request body: " + fmt.Sprintf(format, args...)}
}
