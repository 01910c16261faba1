// Package environ says which environment variables a script may read, and makes tables of those
// that begin with one prefix. It knows no Lua. Any goroutine may use it.
package environ
