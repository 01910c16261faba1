package upstream

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// hosts are the upstreams of a forwarder as Caddy knows them: how many requests each has under way is
// counted where the reverse proxy counts, for the admin API and for policies of load balancing.
type hosts struct {
	proxy *reverseproxy.Handler
	known sync.Map // dial → *knownHost
	count atomic.Int64
}

// knownHost is an upstream that Caddy knows.
type knownHost struct {
	info     reverseproxy.DialInfo
	urlHost  string // of requests without Host
	requests *atomic.Int64
	seen     time.Time // by Caddy
}

const (
	// seenFor is how long Caddy is not told again that an upstream is used. It forgets one after an hour.
	seenFor = time.Minute
	// maxKnownHosts bounds them against scripts that make addresses up.
	maxKnownHosts = 4096
)

// of returns the upstream of an address, nil if Caddy does not take it.
func (h *hosts) of(dial string, now time.Time) *knownHost {
	if at, ok := h.known.Load(dial); ok {
		if at := at.(*knownHost); now.Sub(at.seen) < seenFor { //nolint:forcetypeassert // ours
			return at
		}
	}
	addr, err := caddy.ParseNetworkAddress(dial)
	if err != nil || addr.PortRangeSize() != 1 {
		return nil
	}
	u := &reverseproxy.Upstream{Dial: dial}
	h.tell(u)
	if u.Host == nil {
		return nil
	}
	at := &knownHost{
		info: reverseproxy.DialInfo{
			Upstream: u, Network: addr.Network, Address: addr.JoinHostPort(0), Host: addr.Host, Port: strconv.Itoa(int(addr.StartPort)),
		},
		requests: requestsOf(u.Host), seen: now,
	}
	if at.requests == nil {
		return nil
	}
	at.urlHost = at.info.Address
	if at.info.Port == "80" {
		at.urlHost = at.info.Host
	}
	if _, was := h.known.Swap(dial, at); !was && h.count.Add(1) > maxKnownHosts {
		h.known.Clear()
		h.count.Store(0)
	}
	return at
}

// tell has Caddy know an upstream: it fills in its Host. There is no other way than to offer it to the
// reverse proxy, which then does not get it: see trySource and endingSelection.
func (h *hosts) tell(u *reverseproxy.Upstream) {
	ctx := context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewEmptyReplacer())
	ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{
		caddyhttp.ClientIPVarKey: "", caddyhttp.TrustedProxyVarKey: false, targetVar: &Target{known: u},
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", nil)
	if err == nil {
		_ = h.proxy.ServeHTTP(nowhere{}, r, nil) // the error says that there is no upstream
	}
}

// nowhere is the writer of an answer that does not come.
type nowhere struct{}

func (nowhere) Header() http.Header { return http.Header{} }

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func (nowhere) WriteHeader(int) {}

// requestsOf returns where the reverse proxy counts the requests to a host. It has no way to count
// others, so they look; where a version of Caddy keeps them otherwise the result is nil, requests go its
// way, and TestForwardCounts fails.
func requestsOf(host *reverseproxy.Host) *atomic.Int64 {
	f := reflect.ValueOf(host).Elem().FieldByName("numRequests")
	if !f.IsValid() || f.Type() != reflect.TypeFor[atomic.Int64]() {
		return nil
	}
	return (*atomic.Int64)(unsafe.Pointer(f.UnsafeAddr()))
}
