package rover

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart"
)

// programOf is programsOf for a request that is about one VM: where there are several it
// must name it.
func (a *App) programOf(r *http.Request) (*program, error) {
	programs, err := a.programsOf(r)
	if err != nil {
		return nil, err
	}
	if len(programs) == 1 {
		return programs[0], nil
	}
	var names []string
	for _, p := range programs {
		names = append(names, p.vm.name)
	}
	return nil, badRequest("which VM? Give its name or the path of its script as the parameter vm; there are: %s", strings.Join(names, ", "))
}

func badRequest(format string, args ...any) error {
	return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: fmt.Errorf(format, args...)}
}

// vmError is what the admin API answers when a VM does not.
func vmError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, eventloop.ErrClosed):
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: errReplaced}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
	}
	return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
}

// inFlight is the answer of GET /rover/inflight for one VM.
type inFlight struct {
	VM     string       `json:"vm"`
	Queued int          `json:"queued"` // requests that wait for the VM: no Lua of them has run
	Calls  []luart.Call `json:"calls"`
	More   int          `json:"more,omitempty"` // that are in flight beside these
}

// maxInFlight calls are told at once, and so many if the request does not say.
const maxInFlight = 1000

// adminInFlight is GET /rover/inflight[?vm=name][&limit=n].
func adminInFlight(a *App, w http.ResponseWriter, r *http.Request) error {
	programs, err := a.programsOf(r)
	if err != nil {
		return err
	}
	limit := maxInFlight
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxInFlight {
			return badRequest("parameter limit: a whole number between 1 and %d expected, got %q", maxInFlight, text)
		}
	}
	list := make([]inFlight, 0, len(programs))
	for _, p := range programs {
		calls, more, err := p.vm.InFlight(r.Context(), limit)
		if err != nil {
			return vmError(err)
		}
		list = append(list, inFlight{p.vm.name, p.vm.Stats().Depth, append([]luart.Call{}, calls...), more})
	}
	return writeJSON(w, map[string]any{"vms": list})
}

// adminKill is POST /rover/kill?id=n[&vm=name]. The answer says what was ended.
func adminKill(a *App, w http.ResponseWriter, r *http.Request) error {
	p, err := a.programOf(r)
	if err != nil {
		return err
	}
	id, err := strconv.ParseUint(r.URL.Query().Get("id"), 10, 64)
	if err != nil {
		return badRequest("parameter id: a number expected, got %q: GET /rover/inflight has the ids", r.URL.Query().Get("id"))
	}
	call, err := p.vm.Kill(r.Context(), id)
	var unknown *luart.UnknownCallError
	if errors.As(err, &unknown) {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	}
	if err != nil {
		return vmError(err)
	}
	a.logger.Info("an operator has ended a call",
		zap.String("vm", p.vm.name), zap.Uint64("id", id), zap.String("call", call.Name), zap.String("waited_on", call.WaitsOn))
	return writeJSON(w, map[string]any{"vm": p.vm.name, "killed": call})
}
