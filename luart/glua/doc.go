// Package glua reaches what gopher-lua does not export: the frames of a Lua thread, the parts of a
// table, the names in a prototype, and the instructions of its virtual machine. All unsafe code of
// this project is here.
//
// It knows the layout of one version of gopher-lua only. [Check] looks once, when the process
// starts, whether that is the one in the build. Where it fails, nothing else here may be called:
// a VM then refuses to start, rather than run without the bounds that this package sets.
//
// A function that takes an *lua.LState, a table or a [CallFrame] is for the goroutine that holds
// the VM.
package glua
