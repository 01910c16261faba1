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
	Keys    int   `json:"keys"`
	Tokens  int64 `json:"tokens"`
	Waiting int   `json:"waiting"` // requests that wait for the store
}

// Concurrency is how many requests a rule of concurrency has let in that have not ended, and how
// many wait for their turn.
type Concurrency struct {
	Rule    string `json:"rule"`
	Running int    `json:"running"`
	Waiting int    `json:"waiting"`
}

// Crowds returns the rules of concurrency with requests, those that most wait for first. Any goroutine
// may call it.
func (vm *VM) Crowds() []Concurrency {
	list := []Concurrency{}
	for name, gate := range vm.Concurrency() {
		if s := gate.Stats(); s.Inside > 0 || s.Waiting > 0 {
			list = append(list, Concurrency{name, s.Inside, s.Waiting})
		}
	}
	slices.SortFunc(list, func(a, b Concurrency) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.Running, a.Running), cmp.Compare(a.Rule, b.Rule))
	})
	return list
}

// Leases returns what the limits of the VM have taken of its stores. Any goroutine may call it.
func (vm *VM) Leases() (l Leases) {
	l.Keys, l.Tokens, l.Waiting = vm.Held().Count()
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
