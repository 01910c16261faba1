package request

import (
	"net/http"
	"strings"

	"github.com/caddy-rover/rover/luart/route"
)

// Method is the request's method as scripts see it.
func Method(r *http.Request) string {
	if route.IsExtendedConnect(r) {
		return http.MethodGet
	}
	return r.Method
}

// Proto is the request's protocol as scripts see it, such as HTTP/1.1.
func Proto(r *http.Request) string {
	if r.ProtoMajor == 3 {
		return "HTTP/3.0"
	}
	return r.Proto
}

// Scheme is that of the connection: "http" or "https".
func Scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// Protocol is what the client speaks: what a trusted peer says in Forwarded and X-Forwarded-Proto, or
// else that of the connection. Where they say several things, a guard that wants https must not take
// it for that: a proxy that sets one of them may let the other through as the client has sent it.
func Protocol(r *http.Request, isTrusted func() bool) string {
	said := r.Header["X-Forwarded-Proto"]
	if len(said) == 0 && len(r.Header["Forwarded"]) == 0 || !isTrusted() {
		return Scheme(r)
	}
	protos, _ := forwardedProtos(r.Header["Forwarded"])
	if len(said) > 0 {
		protos = append(protos, strings.Split(strings.Join(said, ","), ",")...)
	}
	protocol := ""
	for _, proto := range protos {
		switch proto = strings.ToLower(strings.TrimSpace(proto)); {
		case proto != "http" && proto != "https":
			return Scheme(r)
		case protocol != "" && proto != protocol:
			return "http"
		}
		protocol = proto
	}
	if protocol == "" {
		return Scheme(r)
	}
	return protocol
}
