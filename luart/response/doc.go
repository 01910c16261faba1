// Package response is what a script answers with: a status, headers and a body of its own, or a
// stream of pieces, as api.json, api.sse and their like make it, or as a value that a handler has
// returned. Whose body it is where it is another's, and what becomes of the request, package luart
// knows. What takes an *lua.LState is for the goroutine that holds the VM.
package response
