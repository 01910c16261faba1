package rover

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/luart"
)

// maxTries is how many upstreams one request is tried with, where the proxy block says
// nothing about retries: the longest list that api.proxy takes.
const maxTries = 16

// upstream is one address that a script may give to api.proxy.
type upstream struct {
	dial   string // as Caddy dials it; for srv the name to look up
	scheme string // "http", "https", or "" for what the transport is configured to
	srv    bool
}

// upstreamSource offers the upstreams of a request's proxyTo, one for each try. The
// reverse proxy asks before every try.
type upstreamSource struct {
	srv   reverseproxy.SRVUpstreams // provisioned, without a name
	fake  bool                      // there is no network: names are not looked up
	again bool                      // the proxy block says how often to retry: begin again at the end of the list
}

// GetUpstreams implements reverseproxy.UpstreamSource. r is the request for the
// upstream, made for this try.
func (s upstreamSource) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	to := proxyToOf(r.Context())
	if to == nil {
		return nil, nil
	}
	if to.pick != nil && to.tried >= len(to.upstreams) && !to.ask(r.Context(), s.again) {
		to.over = true
		return []*reverseproxy.Upstream{{Dial: endingDial}}, nil
	}
	if len(to.upstreams) == 0 || to.tried >= len(to.upstreams) && !s.again {
		return nil, nil // the last try's error stays
	}
	at := to.tried % len(to.upstreams)
	to.tried++
	switch u := &to.upstreams[at]; {
	case !u.srv:
	case s.fake:
		u.dial = fakeDial(u.dial)
	default:
		if err := s.lookUp(r, to, at); err != nil {
			to.last, to.status = &luart.TryError{Upstream: to.upstreams[at].dial, Message: err.Error()}, http.StatusServiceUnavailable
			return nil, err
		}
	}
	to.current, to.offered = to.upstreams[at], true
	r.URL.Scheme = to.current.scheme
	// A new one for each try: Caddy writes to it, and may look at it later.
	to.offer[0] = &reverseproxy.Upstream{Dial: to.current.dial}
	return to.offer[:], nil
}

// lookUp puts the targets of an SRV name in the place of the name. Caddy's source
// caches them.
func (s upstreamSource) lookUp(r *http.Request, to *proxyTo, at int) error {
	name := to.upstreams[at]
	found, err := lookUpSRV(s.srv, name.dial, r)
	if err != nil {
		return err
	}
	list := make([]upstream, 0, len(to.upstreams)+len(found)-1)
	list = append(list, to.upstreams[:at]...)
	for _, u := range found {
		list = append(list, upstream{dial: u.Dial, scheme: name.scheme})
	}
	list = append(list, to.upstreams[at+1:]...)
	if to.tries > 0 {
		list = list[:min(len(list), to.tries)]
	}
	to.upstreams = list
	to.tried = at + 1
	return nil
}

// lookUpSRV returns the targets of an SRV name, at least one. source has no name.
func lookUpSRV(source reverseproxy.SRVUpstreams, name string, r *http.Request) ([]*reverseproxy.Upstream, error) {
	source.Name = name
	found, err := source.GetUpstreams(r)
	if err == nil && len(found) == 0 {
		err = errors.New("no records")
	}
	if err != nil {
		return nil, fmt.Errorf("looking up SRV %s: %w", name, err)
	}
	return found, nil
}

// Parsed addresses are kept: a script names the same few again and again.
var (
	parsedUpstreams      sync.Map // string → upstream
	parsedUpstreamsCount atomic.Int64
)

// maxParsedUpstreams bounds the cache against scripts that make addresses up.
const maxParsedUpstreams = 4096

// checkUpstream says whether api.proxy may be given an address.
func checkUpstream(address string) error {
	_, err := parseUpstream(address)
	return err
}

// parseUpstream parses "host[:port]", "http(s)://host[:port]", "unix//path" or
// "srv+http(s)://name". The default port is 80, for https 443. Any goroutine may call it.
func parseUpstream(address string) (upstream, error) {
	if u, ok := parsedUpstreams.Load(address); ok {
		return u.(upstream), nil
	}
	u, err := newUpstream(address)
	if err != nil {
		return upstream{}, fmt.Errorf("invalid upstream %q: %w", address, err)
	}
	if parsedUpstreamsCount.Load() < maxParsedUpstreams {
		if _, loaded := parsedUpstreams.LoadOrStore(strings.Clone(address), u); !loaded {
			parsedUpstreamsCount.Add(1)
		}
	}
	return u, nil
}

func newUpstream(address string) (upstream, error) {
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '{' || r == '}' }) {
		return upstream{}, errors.New("spaces, control characters and braces are not allowed")
	}
	var u upstream
	hostport := address
	if path, ok := strings.CutPrefix(address, "unix/"); ok {
		if !strings.HasPrefix(path, "/") {
			return upstream{}, errors.New("a unix socket is unix//absolute/path")
		}
		u.dial = address
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
