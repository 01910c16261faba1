package scripts

import (
	"math"

	"github.com/caddy-rover/rover/luart/resilience"
)

// Breaker is a breaker that is not closed: requests to a service that has failed.
type Breaker struct {
	Of      string `json:"of"`      // "rover.http" or "api.proxy"
	Breaker string `json:"breaker"` // its name, or the host and port
	State   string `json:"state"`   // "open" or "half_open"

	// Seconds until it is tried whether the service is back.
	RetrySeconds float64 `json:"retry_seconds"`
}

// guarded is a library that asks services which may fail.
type guarded interface{ Guarded() resilience.Stats }

// Breakers lists the breakers that are not closed, at most as many of each way as a VM keeps. Any
// goroutine may call it.
func (vm *VM) Breakers() (list []Breaker) {
	add := func(of string, s resilience.Stats) {
		for _, b := range s.Breakers {
			if b.State != resilience.Closed {
				retry := math.Ceil(b.Retry.Seconds()*1000) / 1000
				list = append(list, Breaker{of, b.Name, b.State.String(), retry})
			}
		}
	}
	add("api.proxy", vm.Guarded())
	if library, ok := vm.LibraryState("http").(guarded); ok {
		add("rover.http", library.Guarded())
	}
	return list
}
