package rover

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/caddy-rover/rover/luart/clock"
)

// try is one attempt to send a request to an upstream. The zero value is a request that no
// script has given an upstream.
type try struct {
	scheme, dial string // as the script's address says; dial is the name to look up if srv is set
	srv          bool
	mirror       bool // nobody wants the answer
}

// useFake puts send in the place of the network, in tests of scripts: names are not looked
// up, and timeouts go by clock.
func (p *proxy) useFake(clock *clock.Clock, send func(*http.Request, try) (*http.Response, error)) {
	head := p.handler.Transport.(*headTransport)
	head.clock = clock
	head.RoundTripper = fakeTransport(send)
	source := p.handler.DynamicUpstreams.(upstreamSource)
	source.fake = true
	p.handler.DynamicUpstreams = source
}

// fakeTransport is the transport of a proxy without a network.
type fakeTransport func(*http.Request, try) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (send fakeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	to := proxyToOf(r.Context())
	if to == nil {
		return send(r, try{})
	}
	if err := to.keepBody(r); err != nil {
		return nil, err
	}
	return send(r, try{to.current.scheme, to.current.dial, to.current.srv, to.mirror})
}

// fakeDial is the dial of an SRV name that is not looked up.
func fakeDial(name string) string { return strings.TrimSuffix(name, ":80") + ":80" }

// keepBody reads the body of a request, so that the next upstream gets it, too: one that
// takes no connection would not have read it, a fake has by then.
func (to *proxyTo) keepBody(r *http.Request) error {
	if to.body != nil || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	kept, err := io.ReadAll(r.Body)
	to.body = newKeptBody(kept)
	r.Body = to.body
	return err
}

// keptBody implements luart.Replayable.
type keptBody struct {
	*bytes.Reader
	whole []byte
}

func newKeptBody(whole []byte) keptBody { return keptBody{bytes.NewReader(whole), whole} }

// Close implements io.Closer.
func (keptBody) Close() error { return nil }

// Again implements luart.Replayable.
func (b keptBody) Again() io.ReadCloser { return newKeptBody(b.whole) }

// Interface guard
var _ http.RoundTripper = fakeTransport(nil)
