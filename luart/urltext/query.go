package urltext

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// MaxPairs is how many parameters a query or a form may have, and cookies a request: as
// many as net/url reads. A request with more is refused, since no page sends that many and
// each takes the VM some time.
const MaxPairs = 10_000

// ParsePairs returns the values of a query or of a form. It is strict: what a server behind
// may see is there, or there is an error. A semicolon is a character like any other, as
// browsers and most servers have it.
func ParsePairs(text string) (url.Values, error) {
	values := url.Values{}
	n := 0
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		if n++; n > MaxPairs {
			return nil, fmt.Errorf("more than %d parameters", MaxPairs)
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, err
		}
		values[name] = append(values[name], value)
	}
	return values, nil
}

// SetPairs returns query with values in place of those that key has, however it is escaped.
func SetPairs(query, key string, values []string) string {
	var made strings.Builder
	for i, v := range values {
		if i > 0 {
			made.WriteByte('&')
		}
		made.WriteString(url.QueryEscape(key) + "=" + url.QueryEscape(v))
	}
	var out strings.Builder
	begun, placed := false, len(values) == 0
	write := func(pair string) {
		if begun {
			out.WriteByte('&')
		}
		begun = true
		out.WriteString(pair)
	}
	if query != "" {
		for pair := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(pair, "=")
			switch {
			case pair == "" || lenientUnescape(name) != key:
				write(pair)
			case !placed:
				write(made.String())
				placed = true
			}
		}
	}
	if !placed {
		write(made.String())
	}
	return out.String()
}

// lenientUnescape decodes the escapes that are some and leaves the others, as browsers and
// most servers do with the name of a parameter.
func lenientUnescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && IsHex(s[i+1]) && IsHex(s[i+2]):
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8) // both are digits
			b = append(b, byte(n))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

// CheckQueryText refuses the bytes that end a query for some servers, and for others do not.
// net/http lets them through.
func CheckQueryText(query string) error {
	if i := strings.IndexFunc(query, func(r rune) bool { return isControlOrSpace(r) || r == '#' }); i >= 0 {
		return errors.New(strconv.Quote(query[i:i+1]) + " must be escaped, as " + escapeByte(query[i]))
	}
	return nil
}

func escapeByte(b byte) string { return fmt.Sprintf("%%%02X", b) }

func IsHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func isControlOrSpace(r rune) bool { return r <= ' ' || r == 0x7f }
