package handler

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/health"
	"github.com/caddy-rover/rover/luart/openapi"
)

// probe answers a request that asks for the health of the script, before anything of the script sees
// it. In an error route a path says what has failed.
func (h *Handler) probe(w http.ResponseWriter, r *http.Request, gen *luart.Generation, t *tracer) bool {
	probe := gen.Probe(r.URL)
	if probe == health.None || answersError(r) {
		return false
	}
	// Probes come every few seconds, and say nothing that the log of the dependencies does not.
	caddyhttp.SetVar(r.Context(), caddyhttp.LogLevelVar, zapcore.DebugLevel.String())
	t.probe()
	gen.Probes().Serve(w, r, probe, func() health.Report {
		report := h.script.Readiness()
		if stopping(r) {
			report.Fail(health.Reason{Code: health.Stopping})
		}
		return report
	})
	return true
}

// page answers a request for the document of the script (rover.server{ docs = true }), before anything
// of the script sees it.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, gen *luart.Generation, t *tracer) bool {
	page := gen.Page(r.URL)
	if page == openapi.NoPage || answersError(r) {
		return false
	}
	t.page()
	gen.ServePage(w, r, page)
	return true
}

// stopping reports whether Caddy is about to exit, or the server that has got a request to close: from
// the beginning of shutdown_delay on.
func stopping(r *http.Request) bool {
	if caddy.Exiting() {
		return true
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return false
	}
	closing, _ := repl.Get("http.shutting_down")
	return closing == true
}
