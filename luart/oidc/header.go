package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Headers are what an upstream is told of a user: claims by the names of headers.
type Headers struct {
	claims map[string]string
	taken  map[string]bool // their names as CGI knows them
}

// NewHeaders returns those that tell of claims. Two names that an upstream could take for one are an
// error: nobody could say which claim it reads.
func NewHeaders(claims map[string]string) (*Headers, error) {
	h := &Headers{map[string]string{}, map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if h.taken[plain(name)] {
			return nil, fmt.Errorf("two claims for %.60q, which is spelled in two ways: upstreams take - and _, and letters of both cases, for the same", name)
		}
		h.claims[http.CanonicalHeaderKey(name)] = claims[name]
		h.taken[plain(name)] = true
	}
	return h, nil
}

// IsSameHeader reports whether a program could take two names for one.
func IsSameHeader(a, b string) bool { return plain(a) == plain(b) }

// plain is a name as programs know it that get headers as variables: X-User and X_user are both
// HTTP_X_USER.
func plain(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// Foreign are the names that a client must not use: these, which it may send as trailers, and those
// of its headers that an upstream could take for one of these.
func (h *Headers) Foreign(header http.Header) (names []string) {
	if len(h.taken) == 0 {
		return nil
	}
	for name := range h.claims {
		names = append(names, name)
	}
	for name := range header {
		if _, own := h.claims[name]; !own && h.taken[plain(name)] {
			names = append(names, name)
		}
	}
	return names
}

const maxHeader = 8 << 10

// Values are the headers for the claims of a user. A claim that is not there makes none. One that
// cannot be written so that it is read in one way is an error.
func (h *Headers) Values(c Claims) (map[string]string, error) {
	values := map[string]string{}
	for name, claim := range h.claims {
		v := c.Get(claim)
		if v == nil {
			continue
		}
		text, err := headerText(v)
		if err != nil {
			return nil, fmt.Errorf("the claim %.40q for the header %s: %w", claim, name, err)
		}
		if text != "" {
			values[name] = text
		}
	}
	return values, nil
}

// headerText is a claim as the value of a header; elements of a list with commas between them. A text is
// a list of one: providers send a single group so, and a comma in it would be two for the upstream.
func headerText(v any) (string, error) {
	text := ""
	switch v := v.(type) {
	case string:
		if strings.Contains(v, ",") {
			return "", errors.New("a text without commas expected")
		}
		text = v
	case bool:
		text = strconv.FormatBool(v)
	case float64, json.Number:
		b, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		text = string(b)
	case []any:
		var all []string
		for _, one := range v {
			s, ok := one.(string)
			if !ok || s == "" || strings.ContainsAny(s, ",") || strings.TrimSpace(s) != s {
				return "", errors.New("a list of texts without commas expected")
			}
			all = append(all, s)
		}
		text = strings.Join(all, ",")
	default:
		return "", errors.New("a text, a number, a boolean or a list expected")
	}
	if len(text) > maxHeader {
		return "", fmt.Errorf("longer than %d bytes", maxHeader)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) || strings.TrimSpace(text) != text {
		return "", errors.New("control characters, or spaces at an end")
	}
	return text, nil
}
