package handler

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// uploadVar is the variable of a request that holds its body, watched.
const uploadVar = "rover.upload"

// watchUpload has the body of a request watched, if it has one: whether its client leaves while it
// is read. Of an error route it is watched already.
func watchUpload(r *http.Request) {
	if answersError(r) {
		return
	}
	if body := reqbody.Watch(r); body != nil {
		caddyhttp.SetVar(r.Context(), uploadVar, body)
	}
}

// leftUpload returns err as that of a client that has left, if it has left during its upload: who
// reads the body then, such as reverse_proxy, may take that for a failure of the upstream.
func leftUpload(r *http.Request, err error) error {
	var herr caddyhttp.HandlerError
	if !errors.As(err, &herr) || herr.StatusCode < http.StatusInternalServerError {
		return err
	}
	if body, ok := caddyhttp.GetVar(r.Context(), uploadVar).(*reqbody.Watched); ok && body.Left() {
		herr.StatusCode = luart.StatusClientClosed
		return herr
	}
	return err
}
