package handler

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/head"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// watchUpload has the body of a request watched, if it has one: whether its client leaves while it
// is read, or sends what is no body.
func watchUpload(r *http.Request) *reqbody.Watched {
	body := reqbody.Watch(r)
	if body != nil {
		caddyhttp.SetVar(r.Context(), reqbody.UploadVar, body)
	}
	return body
}

// uploadEnd is the writer of the response to a request over HTTP/1 with a body. net/http closes a
// connection on which more of the body may come, but does not know of all that behind Caddy, which puts a
// reader of its own in the place of the body: what is left would be read as the next request.
type uploadEnd struct {
	head.Writer
	body    *reqbody.Watched // nil: it is not watched yet
	unread  bool             // nobody reads the rest of the body behind us
	settled bool             // the head has left, or will by somebody else
	closes  bool             // it says that the connection is closed
}

// newUploadEnd returns nil where nothing can be left.
func newUploadEnd(w http.ResponseWriter, r *http.Request) *uploadEnd {
	if r.ProtoMajor != 1 || r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	e := new(uploadEnd)
	e.Writer = head.Writer{ResponseWriter: w, Last: e.settle}
	s, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	e.unread = ok && s.EnableFullDuplex || expects(r)
	return e
}

// expects reports whether the client may wait for a 100 before it sends its body. net/http does not
// see that behind Caddy's reader: it would wait, before it sends a response, for a body that no 100
// has asked for.
func expects(r *http.Request) bool {
	return r.ProtoAtLeast(1, 1) && httpguts.HeaderValuesContainsToken(r.Header["Expect"], "100-continue")
}

// settle has the connection closed behind a response whose headers are given, if more of the body may
// come. nil is for a request without one.
func (e *uploadEnd) settle(h http.Header) {
	if e == nil || e.body == nil {
		return
	}
	e.settled = true
	if e.body.Misread(e.unread) {
		h.Set("Connection", "close")
		e.closes = true
	}
}

// breakOff ends a response whose head has left before its client's body was found to be none.
func (e *uploadEnd) breakOff() {
	if e != nil && e.settled && !e.closes && e.body.Broken() != nil && !e.body.Left() {
		_ = http.NewResponseController(e.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
}

// leftUpload returns err as that of a client that has left during its upload, or has sent a broken
// body, if it has: who reads the body then, such as reverse_proxy, may take that for a failure of
// the upstream.
func leftUpload(r *http.Request, err error) error {
	if err == nil {
		return nil // as in answer
	}
	var herr caddyhttp.HandlerError
	if !errors.As(err, &herr) || herr.StatusCode < http.StatusInternalServerError {
		return err
	}
	body, ok := caddyhttp.GetVar(r.Context(), reqbody.UploadVar).(*reqbody.Watched)
	if !ok {
		return err
	}
	if body.Left() {
		herr.StatusCode = luart.StatusClientClosed
		return herr
	}
	if bad := body.Broken(); bad != nil {
		return caddyhttp.Error(bad.Status, bad)
	}
	return err
}
