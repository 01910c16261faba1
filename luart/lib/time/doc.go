// Package time is rover.time: times as texts and back.
//
// A function that takes an *lua.LState is for the goroutine that holds the VM.
package time
