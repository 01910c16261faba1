package urltext

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// ReadPath reads a path that a script has written as it stands in a URL. It returns it
// decoded, and as it is sent: bytes that no URL has are escaped, all others stay. The error
// says what can be read in two ways: where the path ends, or to which folder it leads.
func ReadPath(text string) (decoded, sent string, err error) {
	for i := range len(text) {
		switch c := text[i]; {
		case c <= ' ', c == 0x7f, c == '?', c == '#':
			return "", "", PathError(text, fmt.Sprintf("%q must be escaped, as %s", c, escapeByte(c)))
		case c == '%' && (i+2 >= len(text) || !IsHex(text[i+1]) || !IsHex(text[i+2])):
			return "", "", PathError(text, strconv.Quote(text[i:min(i+3, len(text))])+" is not an escape, a percent sign is written %25")
		}
	}
	if decoded, err = url.PathUnescape(text); err != nil { // it has been looked at
		return "", "", PathError(text, err.Error())
	}
	if why := LeadsElsewhere(decoded); why != "" {
		return "", "", PathError(text, why)
	}
	return decoded, EscapeUnsendable(text), nil
}

// PathError is an error about a path. It names what builds one of text that is not escaped.
func PathError(text, why string) error {
	const most = 200
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Errorf("the path %q: %s (rover.url.path(base, …) escapes parts such as parameters)", text, why)
}

// LeadsElsewhere says what is wrong with a decoded path that a server may resolve to
// another one: dot segments, where some take a backslash for a slash and some cut what
// follows a semicolon off, and NUL, where some stop. "" is for nothing.
func LeadsElsewhere(decoded string) string {
	if strings.IndexByte(decoded, 0) >= 0 {
		return "it contains a NUL, decoded"
	}
	if strings.IndexByte(decoded, '.') < 0 {
		return ""
	}
	for segment := range strings.FieldsFuncSeq(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment, _, _ = strings.Cut(segment, ";"); segment == "." || segment == ".." {
			return fmt.Sprintf("it has the segment %q, decoded, and would lead elsewhere", segment)
		}
	}
	return ""
}

// EscapeUnsendable escapes the bytes of an escaped path that cannot stand in a URL. net/url
// would decode and escape all of it instead, and make "/" of "%2F".
func EscapeUnsendable(path string) string {
	var b strings.Builder
	kept := 0
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"#<>?\\^`{|}", c) >= 0 {
			b.WriteString(path[kept:i])
			b.WriteString(escapeByte(c))
			kept = i + 1
		}
	}
	if kept == 0 {
		return path
	}
	return b.String() + path[kept:]
}

// StripPrefix returns what is left of an escaped path behind the segments of prefix, which begins
// with a slash; however both are escaped. ok is false where the path does not begin with them.
func StripPrefix(path, prefix string) (rest string, ok bool) {
	for segment := range strings.SplitSeq(prefix[1:], "/") {
		if !strings.HasPrefix(path, "/") {
			return "", false
		}
		have, after, more := strings.Cut(path[1:], "/")
		decoded, err := url.PathUnescape(have)
		if wanted, bad := url.PathUnescape(segment); err != nil || bad != nil || decoded != wanted {
			return "", false
		}
		path = ""
		if more {
			path = "/" + after
		}
	}
	if path == "" {
		path = "/"
	}
	return path, true
}
