package luart

import (
	"io"
	"net/http"
	"net/url"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// FailPolicy says what becomes of a request whose route or after hook failed, or is in
// quarantine. A before hook is a guard: whatever the policy, its failure answers.
type FailPolicy int

// The policies.
const (
	FailClosed FailPolicy = iota // the client gets the error
	FailPass                     // the request, or the response, goes on as it came
)

// received is a request as it came, to be passed on when the handler that changed it
// failed.
type received struct {
	method, uri, host string
	url               url.URL
	header            http.Header
	body              io.ReadCloser
	length            int64
	encoding          []string

	upstreams []string // ctx:upstream

	kept *reqbody.Spool // the body, once Lua has read it
	lost bool           // the body was being read: it is not whole any more
}

// remember keeps the request as it is now. Only the holder may call it.
func (x *Exchange) remember() {
	r := x.r
	x.upload.received = &received{
		method: r.Method, uri: r.RequestURI, host: r.Host, url: *r.URL, header: r.Header.Clone(),
		body: r.Body, length: r.ContentLength, encoding: r.TransferEncoding,
		upstreams: x.forward.upstreams,
	}
}

// passFailed passes the request on as it came, after a handler has failed, if the policy
// says so and the request is whole. Only the holder may call it.
func (x *Exchange) passFailed() bool {
	was := x.upload.received
	if was == nil || was.lost {
		return false
	}
	r := x.r
	r.Method, r.RequestURI, r.Host, r.URL = was.method, was.uri, was.host, &was.url
	clear(r.Header)
	for name, values := range was.header {
		r.Header[name] = values
	}
	r.Body, r.ContentLength, r.TransferEncoding = was.body, was.length, was.encoding
	if was.kept != nil {
		r.Body = was.kept.Body(was.body)
	}
	x.forward.upstreams = was.upstreams
	x.outcome.reply = reply{}
	x.outcome.decision = Pass
	return true
}
