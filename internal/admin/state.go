package admin

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/memory"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// vmErrors is the answer of GET /rover/errors for one VM.
type vmErrors struct {
	VM     string               `json:"vm"`
	Errors []scripterror.Recent `json:"errors"` // the last one first
}

// getErrors is GET /rover/errors[?vm=name].
func getErrors(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	return writeDescriptions(group, w, r, func(set *scripts.Set) (vmErrors, error) {
		return vmErrors{set.VM().Name, set.VM().RecentErrors()}, nil
	})
}

// vmDescription is the answer of GET /rover/vms for one VM.
type vmDescription struct {
	scripts.Status
	luart.Description
	Caches      int   `json:"caches"`   // names of rover.cache
	Channels    int   `json:"channels"` // open
	Locks       int   `json:"locks"`    // held, semaphores included
	Queued      int   `json:"queued"`
	MemoryBytes int64 `json:"memory_bytes"`
	StateBytes  int64 `json:"state_bytes"`
}

// getVMs is GET /rover/vms[?vm=name].
func getVMs(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	return writeDescriptions(group, w, r, func(set *scripts.Set) (vmDescription, error) {
		vm := set.VM()
		d, err := vm.Describe(r.Context())
		return vmDescription{
			Status: set.Status(r.Context()), Description: d,
			Caches: d.Things["caches"], Channels: d.Things["channels"], Locks: d.Things["locks"],
			Queued: vm.Stats().Depth, MemoryBytes: vm.Memory(), StateBytes: vm.StateBytes(),
		}, err
	})
}

// stateSize is what a name of rover.state keeps.
type stateSize struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`   // an estimate
	Entries int64  `json:"entries"` // those of tables in it included
}

// vmState is the answer of GET /rover/state for one VM.
type vmState struct {
	VM     string      `json:"vm"`
	States []stateSize `json:"states"` // the largest first
}

// getState is GET /rover/state[?vm=name]: the tables of rover.state, and with a parameter
// name the keys of one of them.
func getState(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Has("name") {
		return getStateKeys(group, w, r)
	}
	return writeDescriptions(group, w, r, func(set *scripts.Set) (vmState, error) {
		s := vmState{set.VM().Name, []stateSize{}}
		for _, size := range set.VM().StateSizes() {
			s.States = append(s.States, stateSize(size))
		}
		return s, nil
	})
}

const (
	defaultStateKeys = 100
	maxStateKeys     = 1000
)

// getStateKeys is GET /rover/state?name=hits[&from=n][&limit=n][&vm=name].
func getStateKeys(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	set, err := setOf(group, r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	from, limit := 0, defaultStateKeys
	for _, param := range []struct {
		name      string
		n         *int
		low, high int
	}{
		{"from", &from, 0, math.MaxInt32},
		{"limit", &limit, 1, maxStateKeys},
	} {
		text := query.Get(param.name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < param.low || n > param.high {
			return badRequest("parameter %s: a whole number between %d and %d expected, got %q", param.name, param.low, param.high, text)
		}
		*param.n = n
	}
	keys, next, err := set.VM().StateKeys(r.Context(), query.Get("name"), from, limit)
	var unknown *luart.UnknownStateError
	if errors.As(err, &unknown) {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	}
	if err != nil {
		return vmError(err)
	}
	answer := map[string]any{"vm": set.VM().Name, "name": query.Get("name"), "keys": append([]memory.Key{}, keys...)}
	if next > 0 {
		answer["next"] = next
	}
	return writeJSON(w, answer)
}
