package bodyfilter

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// MaxCodings are undone at most. Servers apply one, sometimes two by mistake; each costs a window of memory.
const MaxCodings = 3

// codings are the content codings that can be decoded, as they are written in place of a *.
var codings = []string{"gzip", "br", "zstd", "deflate"}

// ContentEncoding returns the value of all Content-Encoding fields, in the order in which the codings were applied. Any goroutine may
// call it.
func ContentEncoding(h http.Header) string {
	return strings.Join(h.Values("Content-Encoding"), ", ")
}

// Decodable reports whether NewDecoder knows all codings of a Content-Encoding. It does if there is none. Any goroutine may call it.
func Decodable(contentEncoding string) bool {
	_, err := parseCodings(contentEncoding)
	return err == nil
}

// parseCodings returns the codings to undo, in the order in which they were applied.
func parseCodings(contentEncoding string) ([]string, error) {
	var list []string
	for field := range strings.SplitSeq(contentEncoding, ",") {
		name := strings.ToLower(strings.Trim(field, " \t"))
		switch {
		case name == "" || name == "identity":
			continue
		case name == "x-gzip":
			name = "gzip"
		case !slices.Contains(codings, name):
			return nil, fmt.Errorf("content coding %q cannot be decoded: %s can", name, strings.Join(codings, ", "))
		}
		if list = append(list, name); len(list) > MaxCodings {
			return nil, fmt.Errorf("content coding %q has more than %d layers", contentEncoding, MaxCodings)
		}
	}
	return list, nil
}

// NarrowAcceptEncoding makes a request ask for codings that can be decoded, for a response whose body a filter will want. What is known
// stays as it is, in its order and with its weight; other codings go; a * becomes the known codings that the client does not name. If
// nothing is left it is identity. A request without the field stays without: its client has asked for no coding. Not safe for concurrent
// use of h.
//
// A client that refuses identity (identity;q=0) gets it nevertheless, unless something in front of the filter encodes again: that is what
// RFC 9110, section 12.5.3, has servers do that can do no better.
func NarrowAcceptEncoding(h http.Header) {
	values := h.Values("Accept-Encoding")
	if len(values) == 0 {
		return
	}
	fields := strings.Split(strings.Join(values, ","), ",")
	var named []string
	for _, field := range fields {
		name, _, _ := strings.Cut(field, ";")
		named = append(named, acceptName(name))
	}
	var kept []string
	empty := true
	for _, field := range fields {
		field = strings.Trim(field, " \t")
		if field == "" {
			continue
		}
		empty = false
		name, weight, weighed := strings.Cut(field, ";")
		name = acceptName(name)
		switch {
		case name == "*" && weighed && zeroWeight(weight):
			kept = append(kept, field) // refuses what is not named: true still
		case name == "*":
			for _, coding := range codings {
				if slices.Contains(named, coding) {
					continue
				}
				if weighed {
					coding += ";" + weight
				}
				kept = append(kept, coding)
			}
		case name == "identity" || slices.Contains(codings, name):
			kept = append(kept, field)
		}
	}
	switch {
	case empty: // asks for identity as it is
	case len(kept) == 0:
		h["Accept-Encoding"] = []string{"identity"}
	default:
		h["Accept-Encoding"] = []string{strings.Join(kept, ", ")}
	}
}

func acceptName(s string) string {
	s = strings.ToLower(strings.Trim(s, " \t"))
	if s == "x-gzip" {
		return "gzip"
	}
	return s
}

// zeroWeight reports whether the parameters of a coding are q=0, q=0.0 and so on.
func zeroWeight(params string) bool {
	key, value, _ := strings.Cut(params, "=")
	value = strings.Trim(value, " \t")
	return strings.EqualFold(strings.Trim(key, " \t"), "q") && strings.HasPrefix(value, "0") && strings.Trim(value, "0.") == ""
}
