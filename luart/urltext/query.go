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
