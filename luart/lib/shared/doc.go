// Package shared is what the scripts of a VM share beside rover.state: the libraries rover.cache,
// rover.lock, rover.semaphore and rover.channel. All of it belongs to the VM, so that it outlives
// generations, and is the holder's.
//
// Caches, locks and semaphores with shared = true are those of all VMs that have one store. Each VM
// has one of its own in front of that: handlers wait for each other in the VM, and the first of them
// asks the store.
package shared

import (
	lua "github.com/yuin/gopher-lua"
)

// MaxNames caches, channels, and locks and semaphores in use may there be of each kind:
// a script that makes names of what clients send would otherwise fill the memory.
const MaxNames = 10_000

// nameID says which: one that is shared is another than one of the VM with the same name.
type nameID struct {
	name   string
	shared bool
}

// checkNames raises in L when there are too many names of a kind.
func checkNames(L *lua.LState, kind string, names int) {
	if names >= MaxNames {
		L.RaiseError("%s: %d names are in use, the limit", kind, MaxNames)
	}
}
