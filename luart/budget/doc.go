// Package budget bounds what one slice of VM time may take, from when somebody has got the VM until
// he gives it up: time, and memory of the process. Its watchdog also sees when a function of Go does
// not come back, which nothing can end.
//
// A Budget is the context of all Lua threads of a VM. What is not said to be for any goroutine is for
// the holder of the VM.
package budget
