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

// IsJSON reports whether a media type, in lower case and without parameters, is one of JSON.
func IsJSON(kind string) bool {
	return kind == "application/json" || strings.Contains(kind, "/") && strings.HasSuffix(kind, "+json")
}

func unsupported(format string, args ...any) error {
	return &Error{http.StatusUnsupportedMediaType, "request body: " + fmt.Sprintf(format, args...)}
}
