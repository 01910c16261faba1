package admin

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
	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
)

// setOf is setsOf for a request that is about one VM: where there are several it
// must name it.
func setOf(group *scripts.Group, r *http.Request) (*scripts.Set, error) {
	sets, err := setsOf(group, r)
	if err != nil {
		return nil, err
	}
	if len(sets) == 1 {
		return sets[0], nil
	}
	var names []string
	for _, set := range sets {
		names = append(names, set.VM().Name)
	}
	return nil, badRequest("which VM? Say its name, or the path of its script, by --vm (the parameter vm); there are: %s", strings.Join(names, ", "))
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
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: scripts.ErrReplaced}
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

// getInFlight is GET /rover/inflight[?vm=name][&limit=n].
func getInFlight(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	limit := maxInFlight
	if text := r.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxInFlight {
			return badRequest("parameter limit: a whole number between 1 and %d expected, got %q", maxInFlight, text)
		}
	}
	return writeDescriptions(group, w, r, func(set *scripts.Set) (inFlight, error) {
		calls, more, err := set.VM().InFlight(r.Context(), limit)
		return inFlight{set.VM().Name, set.VM().Stats().Depth, append([]luart.Call{}, calls...), more}, err
	})
}

// kill is POST /rover/kill?id=n[&vm=name]. The answer says what was ended.
func kill(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	set, err := setOf(group, r)
	if err != nil {
		return err
	}
	id, err := strconv.ParseUint(r.URL.Query().Get("id"), 10, 64)
	if err != nil {
		return badRequest("parameter id: a number expected, got %q: GET /rover/inflight has the ids", r.URL.Query().Get("id"))
	}
	call, err := set.VM().Kill(r.Context(), id)
	var unknown *luart.UnknownCallError
	if errors.As(err, &unknown) {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	}
	if err != nil {
		return vmError(err)
	}
	group.Logger.Info("an operator has ended a call",
		zap.String("vm", set.VM().Name), zap.Uint64("id", id), zap.String("call", call.Name), zap.String("waited_on", call.WaitsOn))
	return writeJSON(w, map[string]any{"vm": set.VM().Name, "killed": call})
}
