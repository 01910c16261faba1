package rover

import (
	_ "embed"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart"
)

// live is what a VM does now, and what it has done since it began: what the status page and
// caddy rover top show. They show rates, which are the differences of two answers.
type live struct {
	VM      string `json:"vm"`
	Version int    `json:"version"`

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

	QueueWait buckets `json:"queue_wait"` // bounds in seconds; those that did not wait are in the first
	Batches   buckets `json:"batches"`    // bounds in requests

	Routes     []liveCost      `json:"routes"`
	Background []liveCost      `json:"background"` // by what began it
	Errors     []luart.Failure `json:"errors"`     // the latest, at most maxLiveErrors
	Calls      []luart.Call    `json:"calls"`      // at most maxLiveCalls
	MoreCalls  int             `json:"more_calls,omitempty"`
}

// maxLiveCalls of those in flight are shown: the longest waiting.
const maxLiveCalls = 100

// maxLiveErrors are shown; GET /rover/errors has the others.
const maxLiveErrors = 10

// buckets is a histogram. Counts has one element more than Bounds, for the rest.
type buckets struct {
	Bounds []float64 `json:"bounds"`
	Counts []uint64  `json:"counts"`
}

// liveCost is what a route, or a kind of background work, has cost.
type liveCost struct {
	Name         string            `json:"name"`
	Requests     map[string]uint64 `json:"requests"` // by outcome
	Errors       uint64            `json:"errors"`
	LuaSeconds   float64           `json:"lua_seconds"`
	WaitSeconds  float64           `json:"wait_seconds"`
	QueueSeconds float64           `json:"queue_seconds"`
}

func liveCosts(list []luart.RouteCost) []liveCost {
	costs := make([]liveCost, 0, len(list))
	for _, c := range list {
		costs = append(costs, liveCost{
			c.Route, c.Requests, c.Errors, c.Total.Lua.Seconds(), c.Total.Wait.Seconds(), c.Total.Queue.Seconds(),
		})
	}
	return costs
}

// adminLive is GET /rover/live[?vm=name].
func adminLive(a *App, w http.ResponseWriter, r *http.Request) error {
	programs, err := a.programsOf(r)
	if err != nil {
		return err
	}
	list := make([]live, 0, len(programs))
	for _, p := range programs {
		calls, more, err := p.vm.InFlight(r.Context(), maxLiveCalls)
		if err != nil {
			return vmError(err)
		}
		list = append(list, p.live(calls, more))
	}
	return writeJSON(w, map[string]any{"at": time.Now(), "vms": list})
}

// live returns what the program's VM does. Any goroutine may call it.
func (p *program) live(calls []luart.Call, more int) live {
	loop, own := p.vm.Stats(), p.vm.Counters()
	reloads, version := p.vm.reloads()
	routes, background := p.vm.Costs()
	waits := append([]uint64(nil), loop.Waits[:]...)
	waits[0] += loop.CallerRuns
	l := live{
		VM: p.vm.name, Version: version,
		BusySeconds: loop.Busy.Seconds(), Queued: loop.Depth, Waiting: loop.Waiting, InFlight: loop.InFlight,
		MemoryBytes: p.vm.Memory(), StateBytes: p.vm.StateBytes(),
		Refused: loop.Refused.Total() + own.RefusedMemory, Kills: own.Kills,
		ReloadsDone: reloads.Done, Failed: reloads.Failed,
		QueueWait: buckets{seconds(eventloop.WaitBounds[:]), waits},
		Batches:   buckets{batchBounds(len(loop.Batches) - 1), loop.Batches[:]},
		Routes:    liveCosts(routes), Background: liveCosts(background),
		Calls: calls, MoreCalls: more,
	}
	l.Errors = p.vm.Failures()
	l.Errors = l.Errors[:min(len(l.Errors), maxLiveErrors)]
	if l.Calls == nil {
		l.Calls = []luart.Call{}
	}
	return l
}

//go:embed admin_ui.html
var uiPage []byte

// adminUI is GET /rover/ui: the status page. It holds no figures itself, but asks for
// /rover/live every second.
func adminUI(_ *App, w http.ResponseWriter, _ *http.Request) error {
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
