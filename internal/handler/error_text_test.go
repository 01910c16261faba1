package handler

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("plain"), "plain"},
		{caddyhttp.Error(502, errors.New("no upstreams available")), "no upstreams available"},
		{fmt.Errorf("outer: %w", caddyhttp.Error(502, caddyhttp.Error(503, errors.New("inner")))), "inner"},
		{caddyhttp.HandlerError{StatusCode: 403}, "403 Forbidden"},
		{caddyhttp.Error(502, io.ErrUnexpectedEOF), "the connection was closed before the response was complete"},
	} {
		if got := errorText(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}
