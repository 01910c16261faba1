// Package expect compares data with what a script expects of it. It knows values, and nothing of
// where they come from: a request's body is one of them.
//
// What takes an *lua.LState, or a table, is for the goroutine that holds the VM.
package expect
