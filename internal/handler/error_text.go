package handler

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// ErrorText implements luart.Host.
func (host) ErrorText(err error) string { return errorText(err) }

// errorText says for scripts and people why a handler failed. What Caddy adds is for its log: an id of
// the error, and a place in Caddy's own source.
func errorText(err error) string {
	var herr caddyhttp.HandlerError
	for errors.As(err, &herr) {
		if herr.Err == nil {
			return fmt.Sprintf("%d %s", herr.StatusCode, http.StatusText(herr.StatusCode))
		}
		err = herr.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed before the response was complete"
	}
	return err.Error()
}
