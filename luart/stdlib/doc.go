// Package stdlib is the library of Lua 5.1 as scripts have it: bounded, without files, processes
// and the globals of others, and require. An environment is made by [New]; [AllowList] has every
// name in it.
//
// All of it is for the goroutine that holds the VM, unless it says otherwise.
package stdlib
