package upstream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/caddy-rover/rover/luart/clock"
)

// Try is one attempt to send a request to an upstream. The zero value is a request that no
// script has given an upstream.
type Try struct {
	Scheme, Dial string // as the script's address says; dial is the name to look up if srv is set
	SRV          bool
	Mirror       bool // nobody wants the answer
}

// UseFake puts send in the place of the network, in tests of scripts: names are not looked
// up, and timeouts go by clock.
func (p *Proxy) UseFake(clock *clock.Clock, send func(*http.Request, Try) (*http.Response, error)) {
	p.forward = nil
	head := p.handler.Transport.(*headTransport)
	head.clock = clock
	head.RoundTripper = fakeTransport(send)
	source := p.handler.DynamicUpstreams.(trySource)
	source.fake = true
	p.handler.DynamicUpstreams = source
}

// fakeTransport is the transport of a proxy without a network.
type fakeTransport func(*http.Request, Try) (*http.Response, error)

// RoundTrip implements http.RoundTripper. Once the request has ended the error is why, as with a
// network, by which a proxy tells a client that has left from an upstream that has failed.
func (send fakeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := send.roundTrip(r)
	if err != nil && r.Context().Err() != nil {
		err = context.Cause(r.Context())
	}
	return resp, err
}

func (send fakeTransport) roundTrip(r *http.Request) (*http.Response, error) {
	to := targetOf(r.Context())
	if to == nil {
		return send(r, Try{})
	}
	if err := to.keepBody(r); err != nil {
		return nil, err
	}
	return send(r, Try{to.current.scheme, to.current.dial, to.current.srv, to.mirror})
}

// fakeDial is the dial of an SRV name that is not looked up.
func fakeDial(name string) string { return strings.TrimSuffix(name, ":80") + ":80" }

// keepBody reads the body of a request, so that the next upstream gets it, too: one that
// takes no connection would not have read it, a fake has by then.
func (to *Target) keepBody(r *http.Request) error {
	if to.body != nil || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	kept, err := io.ReadAll(r.Body)
	to.body = newKeptBody(kept)
	r.Body = to.body
	return err
}

// keptBody implements luart.Rereadable.
type keptBody struct {
	*bytes.Reader
	whole []byte
}

func newKeptBody(whole []byte) keptBody { return keptBody{bytes.NewReader(whole), whole} }

// Close implements io.Closer.
func (keptBody) Close() error { return nil }

// NewReader implements luart.Rereadable.
func (b keptBody) NewReader() io.ReadCloser { return newKeptBody(b.whole) }

// Interface guard
var _ http.RoundTripper = fakeTransport(nil)
