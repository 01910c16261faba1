//go:build !unix

package lean

// lives reports whether a connection of the pool can be used. It cannot be known here: a stale one is
// found by its first use, which is repeated where that is safe.
func (c *conn) lives() bool { return true }

// quiet reports whether it is known that nothing has come.
func (c *conn) quiet(uintptr) bool { return false }
