// Package re is rover.re: Go's regular expressions for scripts.
//
// A function that takes an *lua.LState is for the goroutine that holds the VM.
package re
