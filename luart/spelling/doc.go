// Package spelling finds the name that somebody may have meant by one that there is not. It knows
// no Lua. Any goroutine may use it.
package spelling
