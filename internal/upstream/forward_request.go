package upstream

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"
)

// forwarding is one try of a forwarder: the request for the upstream, and what belongs to it.
type forwarding struct {
	f  *forwarder
	w  http.ResponseWriter
	at *knownHost

	req    http.Request
	url    url.URL
	header http.Header // of req, but where header_up may change the values

	// The values of headers that are set.
	forwardedFor, forwardedProto, forwardedHost, via [1]string
}

var forwardings = sync.Pool{New: func() any { return &forwarding{header: make(http.Header, 16)} }}

func newForwarding(f *forwarder, w http.ResponseWriter, at *knownHost) *forwarding {
	x := forwardings.Get().(*forwarding) //nolint:forcetypeassert // ours
	x.f, x.w, x.at = f, w, at
	return x
}

// free lets another request have it, unless somebody may still be reading a body.
func (x *forwarding) free() {
	if x.req.Body != nil {
		return
	}
	header := x.header
	clear(header)
	*x = forwarding{header: header}
	forwardings.Put(x)
}

// RoundTrip implements http.RoundTripper.
func (x *forwarding) RoundTrip(req *http.Request) (*http.Response, error) {
	return x.f.lean.RoundTripFor(x, req)
}

// dialInfoKey is where the transport's dialer finds the address.
const dialInfoKey caddy.CtxKey = "reverse_proxy.dial_info"

// Dial implements lean.Caller.
func (x *forwarding) Dial(ctx context.Context) (net.Conn, error) {
	return x.f.dial(context.WithValue(ctx, dialInfoKey, x.at.info), "tcp", x.at.info.Address)
}

// Informed implements lean.Caller: informational responses go on to the client.
func (x *forwarding) Informed(code int, header http.Header) error {
	h := x.w.Header()
	own := h.Clone()
	stripHopByHop(header)
	copyHeader(h, header)
	x.w.WriteHeader(code)
	clear(h)
	for name, values := range own {
		h[name] = values
	}
	return nil
}

// prepare makes the request for the upstream of r, which stays as it is. body is its body.
func (x *forwarding) prepare(r *http.Request, body *forwardBody) {
	x.req, x.url = *r, *r.URL
	req := &x.req
	req.URL = &x.url
	x.url.Scheme, x.url.Host = "http", x.at.urlHost
	req.Close, req.Body = false, nil
	if body != nil {
		req.Body, req.Trailer = body, body.trailer
	}
	h := x.header
	changes := x.f.headers != nil && x.f.headers.Request != nil
	for name, values := range r.Header {
		if hopByHop(name) {
			continue
		}
		if changes {
			values = slices.Clone(values)
		}
		h[name] = values
	}
	req.Header = h
	if te := r.Header["Te"]; te != nil && httpguts.HeaderValuesContainsToken(te, "trailers") {
		h["Te"] = []string{"trailers"}
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // else there would be one of ours
	}
	x.setForwarded(r)
	x.via[0] = via(r.ProtoMajor, r.ProtoMinor)
	if before := h["Via"]; before != nil {
		h["Via"] = append(slices.Clip(before), x.via[0])
	} else {
		h["Via"] = x.via[:]
	}
	if changes {
		x.f.headers.Request.ApplyToRequest(req)
	}
}

// via says who has passed on a message of a version of HTTP.
func via(major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "1.1 Caddy"
	case major == 2 && minor == 0:
		return "2.0 Caddy"
	case major == 3 && minor == 0:
		return "3.0 Caddy"
	}
	return strconv.Itoa(major) + "." + strconv.Itoa(minor) + " Caddy"
}

// setForwarded sets X-Forwarded-*. What the client says there counts only if it is a proxy that is
// trusted.
func (x *forwarding) setForwarded(r *http.Request) {
	h := x.header
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	client := ""
	if r.RemoteAddr == "@" { // a unix socket
		if !trusted {
			deleteForwarded(h)
			return
		}
	} else {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			deleteForwarded(h)
			return
		}
		client, _, _ = strings.Cut(host, "%") // without a zone
		if len(x.f.trusted) > 0 && !trusted {
			if addr, err := netip.ParseAddr(client); err == nil {
				trusted = slices.ContainsFunc(x.f.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
			}
		}
	}
	if prior, said := h["X-Forwarded-For"]; !said || prior != nil { // nil: somebody wants none
		before := strings.Join(prior, ", ")
		switch {
		case !trusted || before == "":
			x.forwardedFor[0] = client
		case client == "":
			x.forwardedFor[0] = before
		default:
			x.forwardedFor[0] = before + ", " + client
		}
		if x.forwardedFor[0] != "" {
			h["X-Forwarded-For"] = x.forwardedFor[:]
		}
	}
	proto := "https"
	if r.TLS == nil {
		proto = "http"
	}
	x.forwardedProto[0], x.forwardedHost[0] = proto, r.Host
	setForwardedLast(h, "X-Forwarded-Proto", &x.forwardedProto, trusted)
	setForwardedLast(h, "X-Forwarded-Host", &x.forwardedHost, trusted)
}

func deleteForwarded(h http.Header) {
	for _, name := range forwardedHeaders {
		delete(h, name)
	}
}

// setForwardedLast sets a header to a value, or to the last one that a proxy which is trusted has said.
func setForwardedLast(h http.Header, name string, value *[1]string, trusted bool) {
	prior, said := h[name]
	if said && prior == nil { // somebody wants none
		return
	}
	if n := len(prior); trusted && n > 0 && prior[n-1] != "" {
		value[0] = prior[n-1]
	}
	h[name] = value[:]
}

// hopByHop reports whether a header is for one connection only.
func hopByHop(name string) bool {
	switch name {
	case "Alt-Svc", "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// forwardBody is the body of a request, for all of its tries. Closing it does nothing while nothing has
// been read, so that another upstream can have it.
type forwardBody struct {
	io.ReadCloser
	r       *http.Request
	trailer http.Header // what comes with the end of the body; nil: nothing can
	read    bool
	over    bool // the first read has found the end
}

// newForwardBody returns nil for a request without a body.
func newForwardBody(r *http.Request) *forwardBody {
	if r.ContentLength == 0 || r.Body == nil {
		return nil
	}
	b := &forwardBody{ReadCloser: r.Body, r: r}
	if r.ContentLength < 0 {
		b.trailer = make(http.Header)
	}
	return b
}

// Read implements io.Reader.
func (b *forwardBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF { //nolint:errorlint // as readers return it
		b.over = n == 0 && !b.read
		if b.trailer != nil {
			for name, values := range b.r.Trailer {
				b.trailer[name] = slices.Clone(values)
			}
		}
	}
	b.read = b.read || n > 0
	return n, err
}

// Close implements io.Closer.
func (b *forwardBody) Close() error {
	if !b.read && !b.over {
		return nil
	}
	return b.ReadCloser.Close()
}
