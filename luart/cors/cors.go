// Package cors says which pages of other sites may read the answers of a place, as the Fetch
// standard has it: what a policy is, what the head of a response says of it, and how a preflight is
// answered. What it says depends on the request's Origin only; all else is fixed when the policy is
// made. A policy does not change. Any goroutine may use it.
package cors

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Policy is who may read the answers of a place. nil is one that says nothing: no header is set,
// and none that others set is removed.
type Policy struct {
	any     bool            // every origin, said by "*"
	echo    bool            // every origin that a request can name, said by its name
	origins map[string]bool // else those

	methods, headers, expose []string // {"*"}: all
	credentials              bool
	maxAge                   int // seconds

	// The values of headers, which are shared by all responses. nil: there is no such header.
	allowMethods, allowHeaders, exposeHeaders, allowAge []string
}

var (
	anyOrigin = []string{"*"}
	yes       = []string{"true"}
)

// finish makes the values of headers.
func (p *Policy) finish() *Policy {
	value := func(list []string) []string {
		if len(list) == 0 {
			return nil
		}
		return []string{strings.Join(list, ", ")}
	}
	p.allowMethods, p.allowHeaders, p.exposeHeaders = value(p.methods), value(p.headers), value(p.expose)
	p.allowAge = []string{strconv.Itoa(p.maxAge)}
	return p
}

// Allow returns what Access-Control-Allow-Origin is for a request: "*", its origin, or "".
func (p *Policy) Allow(request http.Header) string {
	switch said := request["Origin"]; {
	case p == nil || len(said) > 1:
	case p.any:
		// Also where there is no Origin: a cache may give the answer to whoever asks next.
		return "*"
	case p.echo:
		if origin, ok := RequestOrigin(request); ok {
			return origin
		}
	case len(said) == 1 && p.origins[said[0]]:
		return said[0]
	}
	return ""
}

// headers of responses that a policy replaces.
var replaced = []string{
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers",
	"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age",
	"Access-Control-Allow-Private-Network",
}

// Set makes the head of a response say what the policy does, in place of what others have said.
// allowed is what Allow has returned.
func (p *Policy) Set(h http.Header, allowed string) {
	if p == nil {
		return
	}
	for _, name := range replaced {
		delete(h, name)
	}
	if !p.any {
		varyByOrigin(h)
	}
	if allowed == "" {
		return
	}
	if allowed == "*" {
		h["Access-Control-Allow-Origin"] = anyOrigin
	} else {
		h["Access-Control-Allow-Origin"] = []string{allowed}
	}
	if p.credentials {
		h["Access-Control-Allow-Credentials"] = yes
	}
	if p.exposeHeaders != nil {
		h["Access-Control-Expose-Headers"] = p.exposeHeaders
	}
}

// SetPreflight is Set for the answer to a preflight. It lists what is allowed, whatever the request
// asks for: nothing of that is repeated, and the browser compares.
func (p *Policy) SetPreflight(h http.Header, allowed string) {
	p.Set(h, allowed)
	delete(h, "Access-Control-Expose-Headers")
	if allowed == "" {
		return
	}
	if p.allowMethods != nil {
		h["Access-Control-Allow-Methods"] = p.allowMethods
	}
	if p.allowHeaders != nil {
		h["Access-Control-Allow-Headers"] = p.allowHeaders
	}
	h["Access-Control-Max-Age"] = p.allowAge
}

// varyByOrigin has caches keep answers for different origins apart.
func varyByOrigin(h http.Header) {
	vary := h["Vary"]
	for _, value := range vary {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Origin") {
				return
			}
		}
	}
	h["Vary"] = append(vary[:len(vary):len(vary)], "Origin")
}

// IsPreflight reports whether a request is one that a browser sends before another one, and for
// which method.
func IsPreflight(r *http.Request) (method string, ok bool) {
	if r.Method != http.MethodOptions || len(r.Header["Origin"]) != 1 {
		return "", false
	}
	said := r.Header["Access-Control-Request-Method"]
	if len(said) != 1 || !isToken(said[0]) || len(said[0]) > MaxName {
		return "", false
	}
	return said[0], true
}

// And returns the policy of a path that is at two places: what both allow. nil: one says nothing,
// and so does it.
func And(p, q *Policy) *Policy {
	if p == nil || q == nil {
		return nil
	}
	both := &Policy{
		any: p.any && q.any, credentials: p.credentials && q.credentials, maxAge: min(p.maxAge, q.maxAge),
		methods: common(p.methods, q.methods), headers: common(p.headers, q.headers), expose: common(p.expose, q.expose),
	}
	switch open := func(p *Policy) bool { return p.any || p.echo }; {
	case both.any:
	case open(p) && open(q):
		both.echo = true
	case open(p):
		both.origins = q.origins
	case open(q):
		both.origins = p.origins
	default:
		both.origins = map[string]bool{}
		for origin := range p.origins {
			if q.origins[origin] {
				both.origins[origin] = true
			}
		}
	}
	return both.finish()
}

// common is what is in both lists, by their letters of any case. {"*"} has everything.
func common(a, b []string) (list []string) {
	switch all := func(list []string) bool { return slices.Equal(list, anyOrigin) }; {
	case all(a):
		return b
	case all(b):
		return a
	}
	for _, name := range a {
		if slices.ContainsFunc(b, func(other string) bool { return strings.EqualFold(name, other) }) {
			list = append(list, name)
		}
	}
	return list
}

// String is the policy for people.
func (p *Policy) String() string {
	if p == nil {
		return "off"
	}
	text := strings.Join(p.Origins(), ", ")
	switch {
	case p.any:
		text = "any origin"
	case p.echo:
		text = "any origin that a function allows"
	}
	if p.credentials {
		text += ", with credentials"
	}
	return text
}

// Origins are those that the policy names.
func (p *Policy) Origins() (list []string) {
	for origin := range p.origins {
		list = append(list, origin)
	}
	slices.Sort(list)
	return list
}
