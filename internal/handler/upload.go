package handler

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// watchUpload has the body of a request watched, if it has one: whether its client leaves while it
// is read, or sends what is no body.
func watchUpload(r *http.Request) {
	if body := reqbody.Watch(r); body != nil {
		caddyhttp.SetVar(r.Context(), reqbody.UploadVar, body)
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
