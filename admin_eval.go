package rover

import (
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"go.uber.org/zap"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("rover", parseGlobalOption)
}

// parseGlobalOption reads the global option:
//
//	rover {
//		admin_eval
//	}
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		return nil, d.Err("the global option rover is given twice")
	}
	var app App
	d.Next()
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	for d.NextBlock(0) {
		switch d.Val() {
		case "admin_eval":
			if d.NextArg() {
				return nil, d.ArgErr()
			}
			app.AdminEval = true
		default:
			return nil, d.Errf("unknown option %q of the global option rover: there is admin_eval", d.Val())
		}
	}
	return httpcaddyfile.App{Name: "rover", Value: caddyconfig.JSON(&app, nil)}, nil
}

// maxEvalBody is more than a chunk may have, so that the VM says so.
const maxEvalBody = 128 << 10

// adminEval is POST /rover/eval[?vm=name], with a Lua chunk as the body. It runs code, so it
// is off unless the config has admin_eval, and answers only on a socket or a loopback
// address, whoever Caddy lets in elsewhere.
func adminEval(a *App, w http.ResponseWriter, r *http.Request) error {
	if !a.AdminEval {
		return forbidden("eval is off: it needs admin_eval in the global option rover (\"admin_eval\": true in the app rover)")
	}
	if !isLocal(r) {
		return forbidden("eval is answered on a unix socket or a loopback address only")
	}
	p, err := a.programOf(r)
	if err != nil {
		return err
	}
	chunk, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvalBody))
	if err != nil {
		return badRequest("reading the chunk: %w", err)
	}
	h := p.handlers[0]
	for _, other := range p.handlers {
		if other.path == r.URL.Query().Get("vm") {
			h = other
			break
		}
	}
	gen := h.live.Load()
	if gen == nil {
		return vmError(errNotStarted)
	}
	a.logger.Warn("an operator runs code in a VM (eval)", zap.String("vm", p.vm.name), zap.String("script", h.path), zap.ByteString("chunk", chunk[:min(len(chunk), 1000)]))
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
