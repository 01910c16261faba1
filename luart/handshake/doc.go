// Package handshake is what a script decides about TLS handshakes, outside of Lua: the names that
// clients ask for, in one form, the answers that are remembered for them, and whether a
// certificate may be shown for a name.
//
// Any goroutine may call everything.
package handshake
