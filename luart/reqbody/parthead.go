package reqbody

import (
	"errors"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// readPartHead reads the header of part n. What RFC 7578 does not have, and servers read in different
// ways, is an error.
func readPartHead(head string, n int) (Part, error) {
	h := textproto.MIMEHeader{}
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok || !isToken(name): // also a line that goes on with the one before
			return Part{}, malformed("the header of part %d has the line %.100q", n, line)
		case strings.ContainsFunc(value, isControl) || !utf8.ValidString(value):
			return Part{}, ambiguous("the header of part %d has a control character, or is not UTF-8", n)
		}
		if name = textproto.CanonicalMIMEHeaderKey(name); h[name] != nil {
			return Part{}, ambiguous("part %d has more than one %s", n, name)
		}
		h[name] = []string{textproto.TrimString(value)}
	}
	if h["Content-Disposition"] == nil {
		return Part{}, malformed("part %d has no Content-Disposition", n)
	}
	p, err := readDisposition(h["Content-Disposition"][0])
	if err != nil {
		return Part{}, ambiguous("Content-Disposition of part %d: %v", n, err)
	}
	p.Header = h
	if why := p.checkContent(); why != "" {
		return Part{}, ambiguous("part %d %s", n, why)
	}
	return p, nil
}

// checkContent says why others may read other content than there is; "" if they do not.
func (p *Part) checkContent() string {
	switch strings.ToLower(p.Header.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
	default:
		return "has a Content-Transfer-Encoding, which is not decoded here"
	}
	if coding := p.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return "has a Content-Encoding, which is not decoded here"
	}
	said := p.Header.Get("Content-Type")
	if said == "" {
		return ""
	}
	kind, params, err := mime.ParseMediaType(said)
	charset, hasCharset := params["charset"]
	isFile := p.Filename != "" || p.noName
	switch {
	case err != nil || hasExtended(said):
		return "has a Content-Type that is none"
	case strings.HasPrefix(kind, "multipart/"):
		return "has parts of its own"
	case isFile:
	case kind == "application/octet-stream": // a file, for busboy
		p.noName = true
	case hasCharset && !isUTF8(charset):
		return "has another charset than UTF-8"
	}
	return ""
}

// readDisposition reads a Content-Disposition.
func readDisposition(text string) (p Part, err error) {
	kind, rest, _ := strings.Cut(text, ";")
	if !strings.EqualFold(kind, "form-data") {
		return p, errors.New("form-data expected")
	}
	params, err := readParams(rest)
	if err != nil {
		return p, err
	}
	if len(params) == 0 || params[0].name != "name" {
		return p, errors.New("its first parameter is the name")
	}
	values := map[string]string{}
	for _, param := range params {
		if _, twice := values[param.name]; twice {
			return p, errors.New(param.name + " is there twice")
		}
		if looksLikeSyntax(param.value) {
			return p, errors.New(param.name + " has text that some servers decode, or take for a parameter")
		}
		values[param.name] = param.value
		switch param.name {
		case "name", "filename", "filename*":
		default:
			return p, errors.New("it has a parameter beside name and filename")
		}
	}
	path, hasName := values["filename"]
	if extended, ok := values["filename*"]; ok && !saysSame(extended, path) {
		return p, errors.New("filename* is not the same as filename in UTF-8")
	}
	p.Name, p.Filename, p.noName = values["name"], path[strings.LastIndexByte(path, '/')+1:], hasName && path == ""
	switch {
	case path == "":
	case p.Filename == "" || p.Filename == "." || p.Filename == "..":
		return p, errors.New("filename ends with the name of a folder")
	}
	return p, nil
}

// looksLikeSyntax reports whether a value has an encoded word, as e-mail has them, or text that is a
// parameter for who does not heed quotes.
func looksLikeSyntax(value string) bool {
	if _, word, ok := strings.Cut(value, "=?"); ok && strings.Contains(word, "?=") {
		return true
	}
	lower := strings.ToLower(value)
	return strings.Contains(lower, "name=") || strings.Contains(lower, "name*")
}

// saysSame reports whether the value of filename* says what filename says. Some clients always send
// both.
func saysSame(extended, plain string) bool {
	const charset = "utf-8''"
	if len(extended) <= len(charset) || !strings.EqualFold(extended[:len(charset)], charset) {
		return false
	}
	decoded, err := url.PathUnescape(extended[len(charset):])
	return err == nil && decoded == plain
}

// param is a parameter of a header, its name as it was written.
type param struct{ name, value string }

// readParams reads what stands behind the first semicolon of a header: name=value or name="value",
// with a semicolon between each two. It has no escapes: browsers write none, and readers of quoted
// strings disagree on what a backslash means. Nor may a value begin with a single quote, which is
// a quote for some.
func readParams(text string) (params []param, err error) {
	for {
		if text = strings.TrimLeft(text, " \t"); text == "" {
			return params, nil
		}
		name, rest, ok := strings.Cut(text, "=")
		if !ok || !isToken(name) {
			return nil, errors.New("name=\"value\" expected")
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			if value, text, ok = strings.Cut(rest[1:], `"`); !ok {
				return nil, errors.New("a quote is missing")
			}
			if strings.ContainsFunc(value, isControl) || strings.ContainsAny(value, "\t\\") {
				return nil, errors.New("a value has a backslash or a control character")
			}
		} else {
			value, text = rest, ""
			if i := strings.IndexByte(rest, ';'); i >= 0 {
				value, text = rest[:i], rest[i:]
			}
			extended := strings.HasSuffix(name, "*")
			if !isToken(value) || !extended && strings.IndexByte(value, '\'') >= 0 {
				return nil, errors.New("a value needs double quotes")
			}
		}
		params = append(params, param{name, value})
		if text != "" && text[0] != ';' {
			return nil, errors.New("a semicolon is missing")
		}
		text = strings.TrimPrefix(text, ";")
	}
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// isToken reports whether text is a token of HTTP.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return text != ""
}

const maxBoundaryBytes = 70 // of RFC 2046

// MultipartBoundary returns the boundary that a Content-Type names. The error is a *Error.
func MultipartBoundary(h http.Header) (string, error) {
	kind, _, err := mediaType(h)
	said := h.Get("Content-Type")
	switch {
	case err != nil:
		return "", err
	case kind != typeMultipart:
		return "", unsupported("%q is not a multipart form", said)
	}
	bad := func(why string) error {
		return &Error{http.StatusBadRequest, "request body: the multipart boundary of " + strconv.Quote(said) + " is not allowed: " + why}
	}
	// PHP looks for the first "boundary" that stands anywhere, and takes blanks for a part of it.
	_, rest, _ := strings.Cut(said, ";")
	params, err := readParams(rest)
	if err != nil {
		return "", bad(err.Error())
	}
	boundary := ""
	for _, p := range params { // what is there twice says the same
		switch p.name {
		case "boundary":
			boundary = p.value
		case "charset":
		default:
			return "", bad("a parameter beside boundary and charset")
		}
	}
	switch {
	case boundary == "" || len(boundary) > maxBoundaryBytes:
		return "", bad("1 to 70 bytes")
	case strings.ContainsFunc(boundary, func(r rune) bool { return !isBoundaryRune(r) }):
		return "", bad("letters, digits and -_.+=/:")
	}
	return boundary, nil
}

// isBoundaryRune reports whether r may stand in a boundary. RFC 2046 also has blanks, commas, quotes and
// parentheses, which mean something to some readers and are in no boundary that clients make.
func isBoundaryRune(r rune) bool {
	return 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.+=/:", r)
}
