package luart

import "strings"

// scheme is that of the connection: "http" or "https".
func (x *Exchange) scheme() string {
	if x.r.TLS != nil {
		return "https"
	}
	return "http"
}

// protocol is what the client speaks: what a trusted peer says in X-Forwarded-Proto, or else that
// of the connection. Where it says several things, a guard that wants https must not take it for
// that.
func (x *Exchange) protocol() string {
	said := x.r.Header["X-Forwarded-Proto"]
	if len(said) == 0 || !x.peer().trusted {
		return x.scheme()
	}
	protocol := ""
	for _, proto := range strings.Split(strings.Join(said, ","), ",") {
		switch proto = strings.ToLower(strings.TrimSpace(proto)); {
		case proto != "http" && proto != "https":
			return x.scheme()
		case protocol != "" && proto != protocol:
			return "http"
		}
		protocol = proto
	}
	return protocol
}
