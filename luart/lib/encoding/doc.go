// Package encoding is rover.base64 and rover.hex.
//
// A function that takes an *lua.LState is for the goroutine that holds the VM.
package encoding
