package rover

import (
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
	"golang.org/x/net/http/httpguts"
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
	ctx   caddy.Context
	again bool // the proxy block says how often to retry: begin again at the end of the list
}

// GetUpstreams implements reverseproxy.UpstreamSource. r is the request for the
// upstream, made for this try.
func (s upstreamSource) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	to := proxyToOf(r.Context())
	if to == nil || len(to.upstreams) == 0 || to.tried >= len(to.upstreams) && !s.again {
		return nil, nil // the last try's error stays
	}
	to.current = to.upstreams[to.tried%len(to.upstreams)]
	to.tried++
	r.URL.Scheme = to.current.scheme
	if to.current.srv {
		return s.lookUp(r, to)
	}
	return []*reverseproxy.Upstream{{Dial: to.current.dial}}, nil
}

// lookUp puts the targets of an SRV name in the place of the name, and offers the
// first. Caddy's source caches them.
func (s upstreamSource) lookUp(r *http.Request, to *proxyTo) ([]*reverseproxy.Upstream, error) {
	source := reverseproxy.SRVUpstreams{Name: to.current.dial}
	if err := source.Provision(s.ctx); err != nil {
		return nil, err
	}
	found, err := source.GetUpstreams(r)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("looking up SRV %s: %w", to.current.dial, err)
	}
	list := make([]upstream, 0, len(to.upstreams)+len(found))
	list = append(list, to.upstreams[:to.tried-1]...)
	for _, u := range found {
		list = append(list, upstream{dial: u.Dial, scheme: to.current.scheme})
	}
	to.upstreams = append(list, to.upstreams[to.tried:]...)
	to.current = to.upstreams[to.tried-1]
	return found[:1], nil
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
// "srv+http(s)://name". The default port is 80, for https 443.
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
		return upstream{}, fmt.Errorf("spaces, control characters and braces are not allowed")
	}
	if path, ok := strings.CutPrefix(address, "unix/"); ok {
		if !strings.HasPrefix(path, "/") {
			return upstream{}, fmt.Errorf("a unix socket is unix//absolute/path")
		}
		return upstream{dial: address}, nil
	}
	var u upstream
	hostport := address
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		parsed, err := url.Parse(address)
		if err != nil {
			return upstream{}, err
		}
		if parsed.Path != "" || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil || parsed.ForceQuery {
			return upstream{}, fmt.Errorf("scheme, host and port expected, nothing else (the option path sets the path)")
		}
		switch scheme {
		case "http", "https":
			u.scheme = scheme
		case "srv+http", "srv+https":
			u.scheme, u.srv = strings.TrimPrefix(scheme, "srv+"), true
		default:
			return upstream{}, fmt.Errorf("scheme %q is not http, https, srv+http or srv+https", scheme)
		}
		hostport = rest
	}
	if u.srv {
		if hostport == "" || strings.ContainsAny(hostport, ":/[]") {
			return upstream{}, fmt.Errorf("a name without port expected after %s://", "srv+"+u.scheme)
		}
		u.dial = hostport
		return u, nil
	}
	port := "80"
	if u.scheme == "https" {
		port = "443"
	}
	host, given, err := net.SplitHostPort(hostport)
	switch {
	case err == nil:
		if given != "" {
			port = given
		}
	case strings.HasPrefix(hostport, "[") && strings.HasSuffix(hostport, "]"):
		host = hostport[1 : len(hostport)-1]
	case strings.Contains(hostport, ":"):
		return upstream{}, fmt.Errorf("host:port expected; an IPv6 address needs brackets")
	default:
		host = hostport
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return upstream{}, fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if strings.Contains(host, ":") {
		if _, err := netip.ParseAddr(host); err != nil {
			return upstream{}, fmt.Errorf("%q is not an IPv6 address", host)
		}
	} else if host == "" || strings.ContainsAny(host, "/?#@[]\\") || !httpguts.ValidHostHeader(host) {
		return upstream{}, fmt.Errorf("%q is not a host", host)
	}
	u.dial = net.JoinHostPort(host, port)
	return u, nil
}
