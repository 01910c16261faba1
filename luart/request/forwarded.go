package request

import "strings"

// forwardedProtos returns what the header Forwarded (RFC 7239) says of the protocol, one value for
// each proxy that does. ok is false where the header cannot be read: then nobody knows what it says.
func forwardedProtos(values []string) (protos []string, ok bool) {
	for _, rest := range values {
		named := map[string]bool{} // in this element
		for {
			rest = strings.TrimLeft(rest, " \t")
			if rest == "" {
				break
			}
			switch rest[0] {
			case ',':
				named, rest = map[string]bool{}, rest[1:]
				continue
			case ';':
				rest = rest[1:]
				continue
			}
			name, after, found := strings.Cut(rest, "=")
			name = strings.ToLower(name)
			if !found || !isToken(name) || named[name] {
				return nil, false
			}
			named[name] = true
			var value string
			if value, rest, ok = forwardedValue(after); !ok {
				return nil, false
			}
			if name == "proto" {
				protos = append(protos, value)
			}
			if rest = strings.TrimLeft(rest, " \t"); rest != "" && rest[0] != ',' && rest[0] != ';' {
				return nil, false
			}
		}
	}
	return protos, true
}

// forwardedValue reads a token or a quoted string at the beginning of text.
func forwardedValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ",; \t")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], isToken(text[:end])
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
