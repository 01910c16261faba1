package admin

import (
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/scripts"
)

// MaxEvalBody is more than a chunk may have, so that the VM says so.
const MaxEvalBody = 128 << 10

// eval is POST /rover/eval[?vm=name], with a Lua chunk as the body. It runs code, so it
// is off unless the config has admin_eval, and answers only on a socket or a loopback
// address, whoever Caddy lets in elsewhere.
func eval(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	if !group.Eval {
		return forbidden("eval is off: it needs admin_eval in the global option rover (\"admin_eval\": true in the app rover)")
	}
	if !isLocal(r) {
		return forbidden("eval is answered on a unix socket or a loopback address only")
	}
	set, err := setOf(group, r)
	if err != nil {
		return err
	}
	chunk, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxEvalBody))
	if err != nil {
		return badRequest("reading the chunk: %w", err)
	}
	script := set.Scripts()[0]
	for _, other := range set.Scripts() {
		if other.Path() == r.URL.Query().Get("vm") {
			script = other
			break
		}
	}
	gen := script.Live()
	if gen == nil {
		return vmError(scripts.ErrNotStarted)
	}
	group.Logger.Warn("an operator runs code in a VM (eval)", zap.String("vm", set.VM().Name),
		zap.String("script", script.Path()), zap.ByteString("chunk", chunk[:min(len(chunk), 1000)]))
	result, err := gen.Eval(r.Context(), string(chunk))
	if err != nil {
		return vmError(err)
	}
	return writeJSON(w, result)
}

func forbidden(message string) error {
	return caddy.APIError{HTTPStatus: http.StatusForbidden, Err: errors.New(message)}
}

// isLocal reports whether a request came to a unix socket or a loopback address.
func isLocal(r *http.Request) bool {
	switch addr := r.Context().Value(http.LocalAddrContextKey).(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return addr.IP.IsLoopback()
	}
	return false
}
