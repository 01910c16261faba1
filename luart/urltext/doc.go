// Package urltext reads paths and queries that scripts and clients have written, strictly: what can
// be read in two ways is an error. It knows no Lua. Any goroutine may use it.
package urltext
