// Package hopbyhop removes the headers of a request that were for the connection of the client.
package hopbyhop

import (
	"maps"
	"net/http"
	"net/textproto"
	"strings"
)

// Drop removes the headers that Connection names, and Connection itself but
// for an upgrade: they were for the connection of the client. A proxy behind the script does
// that later, and would take away what the script has set under such a name.
//
// TE and what frames the body stay: they go on whatever Connection says.
func Drop(h http.Header) {
	lines := h["Connection"]
	if len(lines) == 0 {
		return
	}
	upgrade := false
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			switch name = http.CanonicalHeaderKey(textproto.TrimString(name)); name {
			case "Upgrade":
				upgrade = true
			case "Te", "Trailer", "Content-Length", "Transfer-Encoding":
			default:
				delete(h, name)
			}
		}
	}
	if !upgrade || len(h["Upgrade"]) == 0 || upgradesToHTTP(h["Upgrade"]) {
		delete(h, "Connection")
		delete(h, "Upgrade")
		delete(h, "Http2-Settings")
		return
	}
	h["Connection"] = []string{"Upgrade"}
}

// upgradesToHTTP reports whether an Upgrade offers HTTP again (h2c, HTTP/2.0, TLS/1.0 with HTTP in
// it). What is behind would take requests through the tunnel that no hook has seen; a server may
// always answer such an offer as if it had not been made.
func upgradesToHTTP(upgrade []string) bool {
	for _, line := range upgrade {
		for protocol := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(strings.ToLower(textproto.TrimString(protocol)), "/")
			switch name {
			case "h2c", "h2", "h3", "http", "https", "tls":
				return true
			}
		}
	}
	return false
}

// Without is r as the upstream gets it. r itself, which is not the caller's,
// stays as it is.
func Without(r *http.Request) *http.Request {
	if len(r.Header["Connection"]) == 0 {
		return r
	}
	c := *r
	c.Header = maps.Clone(r.Header)
	Drop(c.Header)
	return &c
}
