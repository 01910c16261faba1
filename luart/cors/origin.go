package cors

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// maxOrigin bytes is the longest origin: a scheme of 32, a host of 253, a port, and what is
// between.
const maxOrigin = 320

// ParseOrigin returns an origin as browsers send it, of one that a script names: in small letters,
// and without the port that its scheme has anyway. The error says what is none.
func ParseOrigin(text string) (string, error) {
	wrong := func(why string) (string, error) { return "", fmt.Errorf("%q is no origin: %s", shortened(text), why) }
	scheme, host, ok := strings.Cut(text, "://")
	switch {
	case text == "null":
		return wrong("any page can send it, from a sandbox")
	case len(text) > maxOrigin:
		return wrong("it is too long")
	case strings.Contains(text, "*"):
		return wrong("there are no patterns; a function can compare what it wants to")
	case !ok || !isScheme(scheme):
		return wrong("one begins with its scheme: https://app.example")
	}
	if i := strings.IndexAny(host, "/?#\\"); i >= 0 {
		return wrong("it has no path, and no slash at its end")
	}
	if strings.Contains(host, "@") {
		return wrong("it has no user")
	}
	scheme = strings.ToLower(scheme)
	if scheme == "file" {
		return wrong("browsers send null for files")
	}
	host, port, err := cutPort(strings.ToLower(host))
	if err == nil {
		err = checkHost(host)
	}
	if err != nil {
		return wrong(err.Error())
	}
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	if port != "" {
		host += ":" + port
	}
	return scheme + "://" + host, nil
}

// cutPort splits the port off a host; "" is none.
func cutPort(host string) (name, port string, err error) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host, "", nil
	}
	name, port = host[:i], host[i+1:]
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port {
		return "", "", fmt.Errorf("a port is a number from 1 to 65535")
	}
	return name, port, nil
}

// checkHost says what is wrong with a host in small letters: one that no browser would write so
// would never be equal to any.
func checkHost(host string) error {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		if !ok || err != nil || !ip.Is6() || ip.Zone() != "" || ip.Is4In6() || ip.String() != inner {
			return fmt.Errorf("an IPv6 address is written as browsers do: [2001:db8::1]")
		}
		return nil
	}
	for _, c := range []byte(host) {
		switch {
		case c >= 0x80:
			return fmt.Errorf("browsers send the host in ASCII: xn--…")
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return fmt.Errorf("a host has no %q", c)
		}
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, label := range labels {
		if label == "" {
			return fmt.Errorf("a host has no empty part")
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		if ip, err := netip.ParseAddr(host); err != nil || ip.String() != host {
			return fmt.Errorf("an IPv4 address has four numbers")
		}
	}
	return nil
}

func isScheme(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i, c := range []byte(strings.ToLower(s)) {
		if !('a' <= c && c <= 'z' || i > 0 && ('0' <= c && c <= '9' || strings.IndexByte("+-.", c) >= 0)) {
			return false
		}
	}
	return true
}

// shortened is a text that a message can quote.
func shortened(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// RequestOrigin returns what a request's headers say is its origin; ok is false for none, for
// several, and for what no browser sends for an origin: null, too. Nothing else is ever repeated to
// a client.
func RequestOrigin(h http.Header) (origin string, ok bool) {
	said := h["Origin"]
	if len(said) != 1 || len(said[0]) > maxOrigin {
		return "", false
	}
	normal, err := ParseOrigin(said[0])
	return normal, err == nil && normal == said[0]
}
