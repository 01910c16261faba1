package cli

import (
	"time"

	"github.com/caddy-rover/rover/internal/admin"
	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
)

// look is an answer of GET /rover/live.
type look struct {
	At  time.Time    `json:"at"`
	VMs []admin.Live `json:"vms"`
}

// rates are what has happened between two looks: what caddy rover top shows, and prints as JSON.
type rates struct {
	At       time.Time `json:"at"`               // of the second look
	Interval float64   `json:"interval_seconds"` // since the first
	VMs      []vmRates `json:"vms"`
}

// vmRates are those of one VM.
type vmRates struct {
	VM          string       `json:"vm"`
	Version     int          `json:"version"`
	Requests    float64      `json:"requests_per_second"`
	Busy        float64      `json:"busy"` // share of the time in which the VM was in use, from 0 to 1
	Queued      int          `json:"queued"`
	Waiting     int          `json:"waiting"`
	InFlight    int          `json:"in_flight"`
	Refused     float64      `json:"refused_per_second"`
	MemoryBytes int64        `json:"memory_bytes"`
	Routes      []routeRates `json:"routes"`     // those that had requests, by their share of VM time
	Background  []routeRates `json:"background"` // likewise, by what began it
	Calls       []luart.Call `json:"calls"`      // in flight
	Stores      []storeRates `json:"stores"`

	Leases      scripts.Leases        `json:"leases"`
	Concurrency []scripts.Concurrency `json:"concurrency"` // of rules that have requests

	MoreCalls int `json:"more_calls,omitempty"`
}

// storeRates are those of a store.
type storeRates struct {
	scripts.StoreStatus
	Rate   float64 `json:"calls_per_second"`
	Failed uint64  `json:"failed"`       // in the interval
	Each   float64 `json:"each_seconds"` // of one call that was answered in the interval, on average
}

// routeRates are those of a route, or of a kind of background work.
type routeRates struct {
	Name   string  `json:"name"`
	Rate   float64 `json:"per_second"`
	Busy   float64 `json:"busy"`         // share of the time in which the VM was in use for it
	Lua    float64 `json:"lua_seconds"`  // of one, on average
	Wait   float64 `json:"wait_seconds"` // likewise
	Errors uint64  `json:"errors"`       // in the interval
}

// total is how many requests, or pieces of work, there were.
func total(c admin.Cost) (n uint64) {
	for _, count := range c.Requests {
		n += count
	}
	return n
}

// since returns what c has become since an earlier look.
func since(list []admin.Cost, c admin.Cost) (n uint64, lua, wait float64, errors uint64) {
	for _, was := range list {
		if was.Name == c.Name && total(was) <= total(c) {
			return total(c) - total(was), c.LuaSeconds - was.LuaSeconds, c.WaitSeconds - was.WaitSeconds, c.Errors - was.Errors
		}
	}
	return total(c), c.LuaSeconds, c.WaitSeconds, c.Errors
}

// ratesBetween returns what has happened between two looks; false if no time has passed for the
// server.
func ratesBetween(before, now look) (r rates, ok bool) {
	elapsed := now.At.Sub(before.At).Seconds()
	if elapsed <= 0 {
		return r, false
	}
	r = rates{At: now.At, Interval: elapsed, VMs: []vmRates{}}
	for _, vm := range now.VMs {
		var was admin.Live
		for _, b := range before.VMs {
			if b.VM == vm.VM {
				was = b
			}
		}
		v := vmRates{
			VM: vm.VM, Version: vm.Version, Queued: vm.Queued, Waiting: vm.Waiting, InFlight: vm.InFlight,
			Busy:        min(1, max(0, vm.BusySeconds-was.BusySeconds)/elapsed),
			Refused:     float64(vm.Refused-min(was.Refused, vm.Refused)) / elapsed,
			MemoryBytes: vm.MemoryBytes, Calls: vm.Calls, MoreCalls: vm.MoreCalls,
			Leases: vm.Leases, Concurrency: vm.Concurrency,
		}
		v.Stores = storesBetween(was.Stores, vm.Stores, elapsed)
		v.Routes = routesBetween(was.Routes, vm.Routes, elapsed)
		v.Background = routesBetween(was.Background, vm.Background, elapsed)
		for _, route := range v.Routes {
			v.Requests += route.Rate
		}
		r.VMs = append(r.VMs, v)
	}
	return r, true
}

func storesBetween(before, now []scripts.StoreStatus, elapsed float64) []storeRates {
	list := []storeRates{}
	for _, s := range now {
		var was scripts.StoreStatus
		for _, b := range before {
			if b.Engine == s.Engine && b.Address == s.Address && b.Calls <= s.Calls {
				was = b
			}
		}
		r := storeRates{StoreStatus: s, Rate: float64(s.Calls-was.Calls) / elapsed, Failed: s.Errors - min(was.Errors, s.Errors)}
		if n := s.Latency.Total() - was.Latency.Total(); n > 0 {
			r.Each = (s.TotalSeconds - was.TotalSeconds) / float64(n)
		}
		list = append(list, r)
	}
	return list
}

// routesBetween returns the rates of those that had something to do.
func routesBetween(before, now []admin.Cost, elapsed float64) []routeRates {
	list := []routeRates{}
	for _, c := range now {
		n, lua, wait, errors := since(before, c)
		if n == 0 {
			continue
		}
		list = append(list, routeRates{
			Name: c.Name, Rate: float64(n) / elapsed, Busy: lua / elapsed,
			Lua: lua / float64(n), Wait: wait / float64(n), Errors: errors,
		})
	}
	sortRoutes(list, topBy)
	return list
}
