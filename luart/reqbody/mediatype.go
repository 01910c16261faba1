package reqbody

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// The media types of forms.
const (
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
)

// charsetField is the field of a form that says in which charset the form is. HTML defines it.
const charsetField = "_charset_"

// CheckCharset returns an error, a *Error, if a form says of itself that it is in another charset than
// UTF-8.
func CheckCharset(form url.Values) error {
	for _, charset := range form[charsetField] {
		if !isUTF8(charset) {
			return unsupported("its field %s has the charset %q: it is read as UTF-8", charsetField, charset)
		}
	}
	return nil
}

// CheckForm says how a body with the headers h is read as a form: in parts, or as pairs. The error, a
// *Error, says why it is not.
func CheckForm(h http.Header) (inParts bool, err error) {
	kind, _, err := mediaType(h)
	switch {
	case err != nil:
		return false, err
	case kind != "" && kind != typeForm && kind != typeMultipart:
		return false, unsupported("%q is not a form", h.Get("Content-Type"))
	}
	return kind == typeMultipart, nil
}

// mediaType returns what a request says that its body is; kind is "" if it says nothing. All that
// reads a body as something asks it first. The error is a *Error for what others read in another
// way: an upstream undoes a Content-Encoding, or takes the bytes for those of another charset, and
// finds what nobody has seen here. In Shift_JIS a backslash may be half of a character, in IBM037
// each letter is another byte.
func mediaType(h http.Header) (kind string, params map[string]string, err error) {
	values := h["Content-Type"]
	if len(values) > 1 {
		return "", nil, &Error{http.StatusBadRequest, "request body: more than one Content-Type"}
	}
	for _, coding := range h["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return "", nil, unsupported("Content-Encoding %q: it is not decoded here", coding)
		}
	}
	if len(values) == 0 || values[0] == "" {
		return "", nil, nil
	}
	if hasExtended(values[0]) {
		return "", nil, unsupported("Content-Type %q: parameters with * are read in several ways", values[0])
	}
	kind, params, err = mime.ParseMediaType(values[0])
	if err != nil {
		return "", nil, unsupported("Content-Type %q: %v", values[0], err)
	}
	if charset, ok := params["charset"]; ok && !isUTF8(charset) {
		return "", nil, unsupported("the charset %q: it is read as UTF-8", charset)
	}
	return kind, params, nil
}

// isUTF8 reports whether text in a charset has the same bytes in UTF-8.
func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii")
}

// hasExtended reports whether a media type has a parameter as e-mail has them, such as charset*=… or
// boundary*0=…: HTTP has none, some readers take them all the same, and each does it in its own way.
func hasExtended(text string) bool {
	_, params, _ := strings.Cut(text, ";")
	name, quoted := true, false
	for i := 0; i < len(params); i++ {
		switch c := params[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ';':
			name = true
		case c == '=':
			name = false
		case c == '*' && name:
			return true
		}
	}
	return false
}

func unsupported(format string, args ...any) error {
	return &Error{http.StatusUnsupportedMediaType, "request body: " + fmt.Sprintf(format, args...)}
}
