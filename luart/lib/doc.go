// Package lib is what a library of Lua functions and the VM know of each other: a [Library] gives
// scripts rover.<name>. The VM names no library, and a library does not import the VM.
//
// # Life
//
// One Library serves all VMs of the process. In a VM it has two lives:
//
//   - NewState is called once per VM, by the first script that has the library. What it returns
//     goes on when scripts are reloaded: caches, counters, connections, metatables.
//   - Open is called once per generation, which is one loading of a script: each has its own
//     table, so that one script cannot change the functions of another.
//
// A state that is an io.Closer is closed with the VM, when no Lua runs any more.
//
// # Goroutines
//
// One goroutine at a time holds the VM, and it alone touches Lua values. NewState, Open, all
// functions that Lua calls, everything given to Caller.AtEnd and Scope.OnRetire, and the
// methods of Keeper are called by the holder: what a library keeps needs no lock as long as
// only these touch it. They must be short: nobody else runs Lua meanwhile.
//
// # Waiting
//
// A function that waits, for a connection, a file, another handler, gives up the hold:
// Caller.Await calls a function of Go meanwhile, Caller.Park waits for a channel. Arguments
// are converted before and results after: while the hold is given up, no Lua value may be
// touched, and anything that the library keeps may have changed when it is back. Both raise in
// Lua when the caller must not wait any longer: its client has left, its timeout is over, it
// was replaced. What must be given back whatever happens is said with Caller.AtEnd, or by a
// deferred function.
//
// # Limits
//
// A slice of VM time that is longer than the script's burst is ended at the next instruction
// of Lua, so a loop of Go whose length a script or a client decides looks at luaval.Pace on its
// way. A string that a function in a library's table returns is at most luaval.MaxStringBytes long;
// the VM checks that. What a library keeps for scripts outside of Lua's values is counted by
// Keeper, so that the operator's limit of memory holds. Connections go where Grants.Net
// allows. A panic is an error of the script that has called.
package lib
