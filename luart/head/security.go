package head

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// securityHeader is a header that has browsers be careful with a response.
type securityHeader struct {
	name, value string   // what is added
	safe        []string // the values that are no less careful than browsers are without it
}

var securityHeaders = [...]securityHeader{
	{"X-Content-Type-Options", "nosniff", []string{"nosniff"}},
	{"X-Frame-Options", "DENY", []string{"deny", "sameorigin"}},
	{
		"Referrer-Policy", "strict-origin-when-cross-origin",
		[]string{"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"},
	},
}

// Security adds the headers that have browsers be careful. It does not change once responses use
// it: any goroutine may then.
type Security struct {
	Insecure bool // a script may set less careful values
	values   [len(securityHeaders)][]string
}

// NewSecurity returns one that adds the usual values.
func NewSecurity() *Security {
	s := &Security{}
	for i, h := range securityHeaders {
		s.values[i] = []string{h.value}
	}
	return s
}

// Use has value added for a header; "": none is. Insecure must have been set.
func (s *Security) Use(name, value string) error {
	for i, h := range securityHeaders {
		if !strings.EqualFold(h.name, name) {
			continue
		}
		switch {
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return fmt.Errorf("%s: %q cannot stand in a header", h.name, value)
		case !s.Insecure && !h.allows([]string{value}):
			return fmt.Errorf("%s: %q is less safe than %s: set allow_insecure_security_header_overrides = true if it is meant", h.name, value, h.value)
		case value == "":
			s.values[i] = nil
		default:
			s.values[i] = []string{value}
		}
		return nil
	}
	names := make([]string, len(securityHeaders))
	for i, h := range securityHeaders {
		names[i] = h.name
	}
	return fmt.Errorf("%q is none of its headers: there are %s; others are for an after hook", name, strings.Join(names, ", "))
}

func (h *securityHeader) allows(values []string) bool {
	return len(values) == 1 && slices.Contains(h.safe, strings.ToLower(values[0]))
}

// Values are what a response has of the headers.
type Values [len(securityHeaders)][]string

// ValuesOf returns what is in h. Whoever changes it must not change the values.
func ValuesOf(h http.Header) (v Values) {
	for i, s := range securityHeaders {
		v[i] = h[s.name]
	}
	return v
}

// Set adds to h what it has not. A value that is less safe is replaced, but for those of others:
// came is what they have set.
func (s *Security) Set(h http.Header, came ...Values) {
	for i, sec := range securityHeaders {
		values := h[sec.name]
		others := func(v Values) bool { return slices.Equal(values, v[i]) }
		if len(values) > 0 && (s.Insecure || sec.allows(values) || slices.ContainsFunc(came, others)) {
			continue
		}
		if s.values[i] == nil {
			delete(h, sec.name) // what a script says is less safe than nothing, or there is nothing
		} else {
			h[sec.name] = s.values[i]
		}
	}
}
