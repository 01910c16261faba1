package upstream

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
)

// upstream is one address that a script may give to api.proxy.
type upstream struct {
	dial   string // as Caddy dials it; for srv the name to look up
	scheme string // "http", "https", or "" for what the transport is configured to
	srv    bool
}

// Parsed addresses are kept: a script names the same few again and again.
var (
	parsedAddresses    sync.Map // string → upstream
	parsedAddressCount atomic.Int64
)

// maxParsedAddresses bounds the cache against scripts that make addresses up.
const maxParsedAddresses = 4096

// CheckAddress says whether api.proxy may be given an address.
func CheckAddress(address string) error {
	_, err := parseAddress(address)
	return err
}

// parseAddress parses "host[:port]", "http(s)://host[:port]", "unix//path" or
// "srv+http(s)://name". The default port is 80, for https 443. Any goroutine may call it.
func parseAddress(address string) (upstream, error) {
	if u, ok := parsedAddresses.Load(address); ok {
		return u.(upstream), nil
	}
	u, err := newAddress(address)
	if err != nil {
		return upstream{}, fmt.Errorf("invalid upstream %q: %w", address, err)
	}
	if parsedAddressCount.Load() < maxParsedAddresses {
		if _, loaded := parsedAddresses.LoadOrStore(strings.Clone(address), u); !loaded {
			parsedAddressCount.Add(1)
		}
	}
	return u, nil
}

// parseAddresses parses addresses, which must be of one scheme: Caddy chooses among them
// when the request for the upstream has been made.
func parseAddresses(addresses []string) (list []upstream, err error) {
	for _, address := range addresses {
		u, err := parseAddress(address)
		if err != nil {
			return nil, err
		}
		if list = append(list, u); u.scheme != list[0].scheme {
			return nil, fmt.Errorf("the upstreams of a list have one scheme, these have %q and %q", list[0].scheme, u.scheme)
		}
	}
	return list, nil
}

var errUnix = errors.New("a unix socket is unix//absolute/path")

func newAddress(address string) (upstream, error) {
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '{' || r == '}' }) {
		return upstream{}, errors.New("spaces, control characters and braces are not allowed")
	}
	var u upstream
	hostport := address
	if path, ok := strings.CutPrefix(address, "unix/"); ok {
		if !strings.HasPrefix(path, "/") {
			return upstream{}, errUnix
		}
		u.dial = address
	} else if strings.HasPrefix(address, "unix:/") { // as nginx and others write it
		return upstream{}, errUnix
	} else if scheme, rest, ok := strings.Cut(address, "://"); ok {
		parsed, err := url.Parse(address)
		if err != nil {
			return upstream{}, errors.Unwrap(err) // without the address, which it repeats
		}
		if strings.ContainsAny(rest, "/?#@") {
			return upstream{}, errors.New("scheme, host and port expected, nothing else (the option path sets the path)")
		}
		switch parsed.Scheme {
		case "http", "https":
			u.scheme = parsed.Scheme
		case "srv+http", "srv+https":
			u.scheme, u.srv = strings.TrimPrefix(parsed.Scheme, "srv+"), true
		case "h2c":
			return upstream{}, errors.New("h2c is an option of the transport: transport http { versions h2c } in the proxy block")
		default:
			return upstream{}, fmt.Errorf("scheme %q is not http, https, srv+http or srv+https", scheme)
		}
		hostport = parsed.Host
	}
	if u.srv {
		if !validName(hostport) {
			return upstream{}, fmt.Errorf("a name without port expected after srv+%s://", u.scheme)
		}
		u.dial = hostport
		return u, nil
	}
	if u.dial == "" {
		port := "80"
		if u.scheme == "https" {
			port = "443"
		}
		var err error
		if u.dial, err = joinHostPort(hostport, port); err != nil {
			return upstream{}, err
		}
	}
	// An address that Caddy refuses when it dials ends the request, whatever else is in the list.
	_, err := caddy.ParseNetworkAddress(u.dial)
	return u, err
}

// joinHostPort checks a host with or without port, and returns it with one.
func joinHostPort(hostport, port string) (string, error) {
	bracketed := strings.HasPrefix(hostport, "[")
	host, given, err := net.SplitHostPort(hostport)
	switch {
	case err == nil:
		if given != "" {
			port = given
		}
	case bracketed && strings.HasSuffix(hostport, "]"):
		host = hostport[1 : len(hostport)-1]
	case strings.Contains(hostport, ":"):
		return "", errors.New("host:port expected; an IPv6 address needs brackets")
	default:
		host = hostport
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if bracketed {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() {
			return "", fmt.Errorf("%q is not an IPv6 address", host)
		}
	} else if !validName(host) {
		return "", fmt.Errorf("%q is not a host", host)
	}
	return net.JoinHostPort(host, port), nil
}

// validName reports whether s may be a DNS name, an IPv4 address, or the name of a
// container.
func validName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	}) < 0
}
