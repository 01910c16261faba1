package admin

import (
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/costs"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// Live is what a VM does now, and what it has done since it began: what the status page and
// caddy rover top show. They show rates, which are the differences of two answers.
type Live struct {
	VM      string `json:"vm"`
	Version int    `json:"version"`

	Scripts []string `json:"scripts"` // paths of those that serve, as GET /rover/openapi.json takes them

	BusySeconds float64 `json:"busy_seconds"`
	Queued      int     `json:"queued"`
	Waiting     int     `json:"waiting"`
	InFlight    int     `json:"in_flight"`
	MemoryBytes int64   `json:"memory_bytes"`
	StateBytes  int64   `json:"state_bytes"`
	Refused     uint64  `json:"refused"` // also for memory
	Kills       uint64  `json:"kills"`   // for burst or memory
	ReloadsDone uint64  `json:"reloads"`
	Failed      uint64  `json:"reloads_refused"`

	QueueWait scripts.Histogram `json:"queue_wait"` // bounds in seconds; those that did not wait are in the first
	Batches   scripts.Histogram `json:"batches"`    // bounds in requests

	Stores []scripts.StoreStatus `json:"stores"`
	Leases scripts.Leases        `json:"leases"`

	Concurrency []scripts.Concurrency `json:"concurrency"` // of rules that have requests

	Routes     []Cost               `json:"routes"`
	Background []Cost               `json:"background"` // by what began it
	Errors     []scripterror.Recent `json:"errors"`     // the latest, at most maxLiveErrors
	Calls      []luart.Call         `json:"calls"`      // at most maxLiveCalls
	MoreCalls  int                  `json:"more_calls,omitempty"`
}

// maxLiveCalls of those in flight are shown: the longest waiting.
const maxLiveCalls = 100

// maxLiveErrors are shown; GET /rover/errors has the others.
const maxLiveErrors = 10

// Cost is what a route, or a kind of background work, has cost.
type Cost struct {
	Name         string            `json:"name"`
	Requests     map[string]uint64 `json:"requests"` // by outcome
	Errors       uint64            `json:"errors"`
	LuaSeconds   float64           `json:"lua_seconds"`
	WaitSeconds  float64           `json:"wait_seconds"`
	QueueSeconds float64           `json:"queue_seconds"`
}

func newCosts(list []costs.RouteCost) []Cost {
	costs := make([]Cost, 0, len(list))
	for _, c := range list {
		costs = append(costs, Cost{
			c.Route, c.Requests, c.Errors, c.Total.Lua.Seconds(), c.Total.Wait.Seconds(), c.Total.Queue.Seconds(),
		})
	}
	return costs
}

// getLive is GET /rover/live[?vm=name].
func getLive(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	list, err := describe(group, r, func(set *scripts.Set) (Live, error) {
		calls, more, err := set.VM().InFlight(r.Context(), maxLiveCalls)
		live := newLive(set.VM(), calls, more)
		live.Scripts = servingOf(set)
		return live, err
	})
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"at": time.Now(), "vms": list})
}

// servingOf returns the paths of the scripts of a set that serve, each once.
func servingOf(set *scripts.Set) []string {
	paths := []string{}
	for _, script := range set.Scripts() {
		if path := script.Path(); script.Live() != nil && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// newLive returns what a VM does. Any goroutine may call it.
func newLive(vm *scripts.VM, calls []luart.Call, more int) Live {
	loop, own := vm.Stats(), vm.Counters()
	reloads, version := vm.Reloads()
	routes, background := vm.Costs()
	l := Live{
		VM: vm.Name, Version: version,
		BusySeconds: loop.Busy.Seconds(), Queued: loop.Depth, Waiting: loop.Waiting, InFlight: loop.InFlight,
		MemoryBytes: vm.Memory(), StateBytes: vm.StateBytes(),
		Refused: loop.Refused.Total() + own.RefusedMemory + own.RefusedDone, Kills: own.Kills,
		ReloadsDone: reloads.Done, Failed: reloads.Failed,
		QueueWait: scripts.QueueWaits(loop), Batches: scripts.BatchSizes(loop),
		Routes: newCosts(routes), Background: newCosts(background),
		Calls: calls, MoreCalls: more, Stores: vm.Stores(), Leases: vm.Leases(), Concurrency: vm.Crowds(),
	}
	l.Errors = vm.RecentErrors()
	l.Errors = l.Errors[:min(len(l.Errors), maxLiveErrors)]
	if l.Calls == nil {
		l.Calls = []luart.Call{}
	}
	return l
}

//go:embed page.html
var uiPage []byte

// getPage is GET /rover/ui: the status page. It holds no figures itself, but asks for
// /rover/live every second.
func getPage(_ *scripts.Group, w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, err := w.Write(uiPage)
	if err != nil {
		return fmt.Errorf("sending the page: %w", err)
	}
	return nil
}
