package upstream

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// Target is where one request goes, and how far it has got: it serves one request.
type Target struct {
	upstreams []upstream
	tries     int           // the longest that upstreams may become; 0: no matter
	timeout   time.Duration // until the response head is there; 0: none
	path      string
	host      string
	header    http.Header

	mirror bool // nobody wants the answer

	known *reverseproxy.Upstream // nothing is sent: Caddy is to know this upstream; nil: else
	told  *told                  // the placeholders of a forwarder; nil: the request goes another way

	pick func(ctx context.Context, attempt int, last *luart.TryError) (string, error) // nil: no script is asked

	failing failing

	tried   int // tries of the request, with those that a breaker has refused to pick
	refused int // of tried: those that a breaker has refused
	asked   int // upstreams that a request was sent to, with failing
	cursor  int // the upstream that is next: begins again at the end of the list
	current upstream
	offered bool               // to Caddy, which has not sent the request there yet
	last    *luart.TryError    // with pick: how the last try ended
	status  int                // with pick: what the client gets for that
	over    bool               // there is no further try
	kept    bool               // the upstream has been chosen already
	pickErr error              // of pick, which has failed
	body    reqbody.Rereadable // the request's, if the script has read it
	trailer http.Header        // behind that
	upload  *reqbody.Watched   // the client's body, as far as it is read meanwhile; nil: there is none

	clientLate atomic.Bool // the last try took too long, and waited for the client
	sent       int         // round trips that were begun

	// One upstream is the common case: these spare allocations.
	one   [1]upstream
	offer [1]*reverseproxy.Upstream
}

// targetVar is where a request's Target is found, among Caddy's variables of the
// request: a context of its own would cost two allocations.
const targetVar = "rover.proxy_to"

func targetOf(ctx context.Context) *Target {
	to, _ := caddyhttp.GetVar(ctx, targetVar).(*Target)
	return to
}

// What the reverse proxy says of its last run for a request, as placeholders. It counts a retry
// more for each time that the list had ended, and none where a response has broken off: there
// triesKey says better.
const (
	hostKey    = "http.reverse_proxy.upstream.hostport"
	retriesKey = "http.reverse_proxy.retries"
	triesKey   = "rover.upstream_tries"
)

// Asked returns which upstream was asked last for a request, "" for none, and how many were. Nobody
// must be asking any more.
func Asked(ctx context.Context) (address string, tries int) {
	repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return "", 0
	}
	asked, _ := repl.Get(hostKey)
	if address, _ = asked.(string); address == "" {
		return "", 0
	}
	if n, ok := repl.Get(triesKey); ok {
		tries, _ = n.(int)
		return address, tries
	}
	retries, _ := repl.Get(retriesKey)
	n, _ := retries.(int)
	return address, n + 1
}

// countTries sees to it that Asked is right about a target that has been served.
func (to *Target) countTries(ctx context.Context) {
	repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok || to.tried == 0 {
		return
	}
	n := to.tried - to.refused
	told, _ := repl.Get(retriesKey)
	if _, was := repl.Get(triesKey); was || told != n-1 {
		repl.Set(triesKey, n)
	}
}

// NewTarget makes a Target of what a script gave to api.proxy, whose addresses have
// been checked.
func NewTarget(p *luart.ProxyTo) *Target {
	to := &Target{
		timeout: time.Duration(min(p.Timeout, maxTimeout.Seconds()) * float64(time.Second)),
		tries:   p.Tries, path: p.Path, host: p.Host, header: p.Header, pick: p.Pick, mirror: p.Mirror,
		failing: newFailing(p),
	}
	if p.Retry != nil && p.Retry.TryTimeout > 0 && (to.timeout == 0 || p.Retry.TryTimeout < to.timeout) {
		to.timeout = p.Retry.TryTimeout
	}
	if h := to.header.Get("Host"); h != "" {
		to.host = h
	}
	n := len(p.Upstreams)
	if p.Tries > 0 {
		n = min(n, p.Tries)
	}
	to.upstreams = to.one[:0]
	if n > len(to.one) {
		to.upstreams = make([]upstream, 0, n)
	}
	for _, address := range p.Upstreams[:n] {
		if u, err := parseAddress(address); err == nil {
			to.upstreams = append(to.upstreams, u)
		}
	}
	return to
}

const maxTimeout = 24 * time.Hour

// rewrite returns r with the path and headers for the upstream. r itself stays as it
// was, for error routes and the access log. The host is not changed here, because
// X-Forwarded-Host is the client's.
func (to *Target) rewrite(r *http.Request) *http.Request {
	c := *r
	if to.path != "" {
		u := *r.URL
		path, query, hasQuery := strings.Cut(to.path, "?")
		u.Path, _ = url.PathUnescape(path) // api.proxy has tried it
		u.RawPath = path
		if hasQuery {
			u.RawQuery = query
		}
		c.URL = &u
		c.RequestURI = u.RequestURI()
	}
	if to.header != nil {
		c.Header = r.Header.Clone()
		for name, values := range to.header {
			if name != "Host" {
				c.Header[name] = values
			}
		}
	}
	return &c
}

// forwardedHeaders are those that Caddy sets after the script did, because it does not
// trust the client's.
var forwardedHeaders = [...]string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"}

// forwarded returns h with the script's X-Forwarded headers.
func (to *Target) forwarded(h http.Header) http.Header {
	cloned := false
	for _, name := range forwardedHeaders {
		values, ok := to.header[name]
		if !ok {
			continue
		}
		if !cloned {
			h, cloned = h.Clone(), true
		}
		h[name] = values
	}
	return h
}
