package scripts

import (
	"cmp"
	"slices"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

// StoreStatus is how a store of a VM is: what keeps rover.store, and the counts of limits.
type StoreStatus struct {
	Engine  string    `json:"engine"`            // "memory", which is in the VM, or "redis"
	Address string    `json:"address,omitempty"` // of the server, without secrets
	Up      bool      `json:"up"`
	Since   time.Time `json:"since"`           // it is up, or not
	Error   string    `json:"error,omitempty"` // why it is not up
	Calls   uint64    `json:"calls"`
	Errors  uint64    `json:"errors"` // calls that were not answered, or refused by the server
	Waiting int64     `json:"waiting"`

	Answered       uint64    `json:"answered"`
	Latency        Histogram `json:"latency"`         // of calls that the server has answered; bounds in seconds
	TotalSeconds   float64   `json:"total_seconds"`   // of those
	LatencySeconds float64   `json:"latency_seconds"` // of the last ones, smoothed

	Items int   `json:"items,omitempty"` // of the VM's own
	Bytes int64 `json:"bytes,omitempty"`
}

// Leases are what limits have taken of a store and not spent.
type Leases struct {
	Keys   int   `json:"keys"`
	Tokens int64 `json:"tokens"`
}

// Leases returns what the limits of the VM have taken of its stores. Any goroutine may call it.
func (vm *VM) Leases() (l Leases) {
	l.Keys, l.Tokens = vm.Held().Count()
	return l
}

// Stores returns how the stores of the scripts that run are, in the order of their addresses: one,
// unless directives that share the VM name several. Any goroutine may call it.
func (vm *VM) Stores() []StoreStatus {
	running := vm.running()
	if running == nil {
		return []StoreStatus{}
	}
	return running.stores()
}

func (s *Set) stores() []StoreStatus {
	list := []StoreStatus{}
	var seen []store.Store
	for _, script := range s.scripts {
		live := script.Live()
		if live == nil || slices.Contains(seen, live.Store()) {
			continue
		}
		seen = append(seen, live.Store())
		is := live.Store().Status()
		list = append(list, StoreStatus{
			Engine: is.Engine, Address: is.Address, Up: is.Up, Since: is.Since, Error: is.Error,
			Calls: is.Calls, Errors: is.Errors, Waiting: is.Waiting,
			Answered: is.Answered, Latency: Histogram{inSeconds(store.LatencyBounds), is.Times}, TotalSeconds: is.Spent.Seconds(), LatencySeconds: is.Latency.Seconds(),
			Items: is.Items, Bytes: is.Bytes,
		})
	}
	slices.SortFunc(list, func(a, b StoreStatus) int {
		return cmp.Or(cmp.Compare(a.Engine, b.Engine), cmp.Compare(a.Address, b.Address))
	})
	return list
}

func inSeconds(bounds []time.Duration) (list []float64) {
	for _, d := range bounds {
		list = append(list, d.Seconds())
	}
	return list
}

// Name is how a store is called where the engine alone would not do.
func (s StoreStatus) Name() string { return cmp.Or(s.Address, s.Engine) }
