// Package html compiles templates, text with Lua in tags, to Lua functions, and escapes what they
// print for HTML. All of it but the compiler is for the goroutine that holds the VM.
package html
