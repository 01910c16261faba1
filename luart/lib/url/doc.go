// Package url is rover.url: URLs, their components and their queries.
//
// A function that takes an *lua.LState is for the goroutine that holds the VM.
package url
