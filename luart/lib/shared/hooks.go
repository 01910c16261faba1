package shared

import "time"

// vmOf is a VM of package luart.
type vmOf interface{ LibraryState(name string) any }

// SetNow gives the caches of a VM another time, before one is made. It is for tests.
func SetNow(vm vmOf, now func() time.Time) { vm.LibraryState(Cache.Name).(*caches).now = now }

// Flights returns how many keys of a cache are being fetched. It is for tests. Only the holder may
// call it.
func Flights(vm vmOf, cache string) int {
	return len(vm.LibraryState(Cache.Name).(*caches).byName[nameID{name: cache}].flights)
}

// Awaited returns for how many keys of a shared cache somebody waits for a message. It is for tests. Only
// the holder may call it.
func Awaited(vm vmOf, cache string) int {
	r := vm.LibraryState(Cache.Name).(*caches).byName[nameID{cache, true}].remote
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.told)
}
