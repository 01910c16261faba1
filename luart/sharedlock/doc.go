// Package sharedlock has locks that processes share by a store, for holders that hold them for as
// long as they need: each is kept by a goroutine, which extends it before its time is over, and
// which knows when it was lost.
//
// A process asks the store for a lock once, however many wait for it there: they have it one after
// the other. Where others want it too, a process that has had it several times in a row lets
// them try first.
//
// Any goroutine may call everything.
package sharedlock
