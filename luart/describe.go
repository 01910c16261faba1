package luart

import (
	"context"
	"slices"
)

// Description is what a VM consists of now.
type Description struct {
	Calls   int `json:"calls"`   // of Lua work in flight: those that run or wait, and streams
	Streams int `json:"streams"` // on their way to clients
	Tasks   int `json:"tasks"`   // background tasks that have not ended
	Timers  int `json:"timers"`  // armed
	States  int `json:"states"`  // names of rover.state
	// Things are what libraries count, by what they are: "caches".
	Things map[string]int `json:"-"`
	// Generations are those that serve, and those before them for which something is still
	// in flight, the newest first.
	Generations []GenerationInfo `json:"generations"`
}

// GenerationInfo is one loading of a script.
type GenerationInfo struct {
	Script   string `json:"script"`
	Version  int    `json:"version"` // rover.version
	Live     bool   `json:"live"`    // it has not been replaced
	InFlight int    `json:"in_flight"`
	Timers   int    `json:"timers"` // armed, or to be armed at the start
}

// Describe returns what the VM consists of. Any goroutine may call it.
func (vm *VM) Describe(ctx context.Context) (Description, error) {
	var d Description
	err := vm.inspect(ctx, func(running bool) {
		d = Description{
			Streams: vm.streams, Tasks: vm.tasks, Timers: vm.timers, States: len(vm.states),
			Things: vm.countedByLibraries(),
		}
		known := map[*Generation]*GenerationInfo{}
		of := func(g *Generation) *GenerationInfo {
			if known[g] == nil {
				_, live := vm.live[g]
				known[g] = &GenerationInfo{Script: g.name, Version: g.number, Live: live, Timers: len(g.timers)}
			}
			return known[g]
		}
		for g := range vm.live {
			of(g)
		}
		if running {
			of(vm.cur.gen).InFlight++
			d.Calls++
		}
		for f := vm.inflight.first; f != nil; f = f.next {
			if !running || f.c != vm.cur {
				of(f.c.gen).InFlight++
				d.Calls++
			}
		}
		for _, info := range known {
			d.Generations = append(d.Generations, *info)
		}
	})
	slices.SortFunc(d.Generations, func(a, b GenerationInfo) int {
		if a.Version != b.Version {
			return b.Version - a.Version
		}
		if a.Script < b.Script {
			return -1
		}
		return 1
	})
	return d, err
}
