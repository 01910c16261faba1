package session

import "sync/atomic"

// Counts are what the session stores of a VM have done, in all generations. Any goroutine may use it.
type Counts struct {
	Started     atomic.Uint64 // saved, or sealed, for the first time
	Ended       atomic.Uint64 // by destroy, invalidate or delete
	Refused     atomic.Uint64 // requests of other sites, or without their token
	StoreFailed atomic.Uint64 // calls that the store has not answered
}

// Stats returns those of a VM. Any goroutine may call it.
func Stats(vm interface{ LibraryState(name string) any }) *Counts {
	if m, ok := vm.LibraryState(Library.Name).(*metas); ok {
		return &m.counts
	}
	return new(Counts)
}
