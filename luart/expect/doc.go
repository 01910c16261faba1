// Package expect reads what a script expects of data, and compares values with it. It knows values, and
// nothing of where they come from: a request's body is one of them.
//
// A schema of a script is a text, a table, or a validator of rover.guard. Read makes it one of package
// schema, in which nothing of the VM is left but functions of :check. So values can be compared with it
// wherever there is an LState that nobody else uses.
//
// What takes an *lua.LState, or a table, is for the goroutine that holds the VM, or whoever made the LState.
package expect
