package upstream

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/luart/clock"
)

// headTransport is the transport of the proxy. It knows what the script said about the upstream
// at hand: how long to wait for the response's head, which headers Caddy is not to overwrite,
// and that an https upstream gets its own address as Host, as from reverse_proxy with a TLS
// transport. A body that the script has read is sent whole with every try.
type headTransport struct {
	http.RoundTripper
	keepHost bool         // the proxy block sets the Host header
	clock    *clock.Clock // nil: the system's
}

// RoundTrip implements http.RoundTripper. req is the reverse proxy's own for this try,
// but for the header map, which all tries share.
func (t *headTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	to := targetOf(req.Context())
	if to == nil {
		return t.RoundTripper.RoundTrip(req)
	}
	return t.roundTrip(to, req)
}

func (t *headTransport) roundTrip(to *Target, req *http.Request) (*http.Response, error) {
	if to.sent++; to.sent > 1 && to.body != nil && req.Body != nil && req.Body != http.NoBody {
		req.Body = to.body.NewReader() // the try before has read from the first
	}
	if to.body != nil {
		req.Trailer = to.trailer // all tries share reverse_proxy's, which each sets when it has read the body
	}
	switch {
	case to.host != "": // also where the transport or the proxy block has set another
		req.Host = to.host
	case to.current.scheme == "https" && !t.keepHost:
		req.Host = to.current.dial // not URL.Host: with proxy_protocol that is no host
	}
	if to.header != nil {
		req.Header = to.forwarded(req.Header)
	}
	to.offered = false
	send := t.send
	if to.timeout != 0 {
		send = func(req *http.Request) (*http.Response, error) { return t.roundTripWithin(to, req) }
	}
	var resp *http.Response
	var err error
	if to.failing.retry == nil && to.failing.breaker == nil {
		resp, err = send(req)
	} else {
		resp, err = to.guarded(req, send)
	}
	if to.pick != nil {
		to.recordTry(resp, err)
	}
	if to.mirror && err == nil {
		discardBody(resp)
	}
	return resp, err
}

// send is one round trip. A status that no response can have, of which the server's writer would panic,
// is no answer.
func (t *headTransport) send(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if err == nil && resp.StatusCode < 100 {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("malformed HTTP status code %q", resp.Status)
	}
	return resp, err
}

// roundTripWithin ends a round trip whose response head is not there in time.
func (t *headTransport) roundTripWithin(to *Target, req *http.Request) (*http.Response, error) {
	// Only a transport that reports both tells whether the request can have been sent.
	var asked, connected atomic.Bool
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	// The context must outlive the head: the body is read under it. It ends with the
	// request's, or here.
	ctx, cancel := context.WithCancelCause(ctx)
	timer := t.clock.AfterFunc(to.timeout, func() {
		to.clientLate.Store(to.upload.Awaited()) // before the transport knows, and reads no more
		cancel(errHeadTimeout)
	})
	resp, err := t.send(req.WithContext(ctx))
	if timer.Stop() {
		if err != nil {
			cancel(nil)
		}
		return resp, err
	}
	if err == nil {
		_ = resp.Body.Close() // the timer was faster, the body is cut
	}
	if asked.Load() && !connected.Load() {
		return nil, errConnectTimeout
	}
	return nil, errHeadTimeout
}

// ProxyProtocolEnabled and RequiresContentLength are asked of a transport by the
// reverse proxy.
func (t *headTransport) ProxyProtocolEnabled() bool {
	pp, ok := t.RoundTripper.(reverseproxy.ProxyProtocolTransport)
	return ok && pp.ProxyProtocolEnabled()
}

func (t *headTransport) RequiresContentLength() bool {
	cl, ok := t.RoundTripper.(reverseproxy.ContentLengthRequiredTransport)
	return ok && cl.RequiresContentLength()
}

// maxDiscard of an answer that nobody wants are read, so that the connection can be used
// again; a longer one is cut.
const maxDiscard = 256 << 10

func discardBody(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxDiscard)
	_ = resp.Body.Close()
	resp.Body = http.NoBody
	resp.Trailer = nil
}

// headTimeoutError is a net.Error, so that the reverse proxy answers with 504, and not
// context.Canceled, which it takes for a client that has left.
type headTimeoutError struct{}

func (headTimeoutError) Error() string {
	return "timeout while waiting for the upstream's response head"
}

func (headTimeoutError) Timeout() bool { return true }

func (headTimeoutError) Temporary() bool { return true }

// connectTimeoutError is the timeout while there was no connection yet. To the reverse
// proxy it is a dial error: nothing was sent, so any request may go to the next upstream.
type connectTimeoutError struct{ headTimeoutError }

func (connectTimeoutError) Error() string { return "timeout while connecting to the upstream" }

func (connectTimeoutError) Unwrap() error { return reverseproxy.NewDialError(errHeadTimeout) }

var (
	errHeadTimeout    error = headTimeoutError{}
	errConnectTimeout error = connectTimeoutError{}
)
