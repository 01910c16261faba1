// Package luaval holds what every part of the Lua runtime does with Lua values: it checks
// arguments, names types, copies data out of a VM and back, makes types for userdata, and asks the
// budget of the running slice in loops of Go. It knows no VM and no request.
//
// A function that takes an *lua.LState, or a table, is for the goroutine that holds the VM. All
// others are for any goroutine, unless they say otherwise.
package luaval
