// Package luart is the Lua runtime: one VM, scripts loaded into it as generations,
// and what a script sees of a request. It runs under plain net/http; what only a
// server like Caddy knows comes through [Host].
//
// # Who may touch Lua values
//
// Every Lua value belongs to the [VM]. Only the holder of its event loop may touch
// one (package eventloop): code that the VM has called, up to the moment at which
// it waits. A waiting call converts its arguments to Go values first, waits in a
// function that is given none ([VM.await]), and makes Lua values of the result when
// it has the hold again. So what takes an *lua.LState, a table or a thread is the
// holder's; comments say "Only the holder may call it." where that cannot be seen.
//
// # One request
//
// [Generation.Begin] matches a request in Go, on the request's goroutine. If a route
// or a hook wants it, the [Exchange] enters the VM once ([Exchange.Run]: before
// hooks, handler, after hooks of Lua's own answer), and once more when a response
// that Lua did not make has its head ready and an after hook wants it
// ([Exchange.PassOn]). Everything else happens without the VM. What an entry does is
// its phase (request_phase.go); files named request_* are a request's own way, those
// named forward_* its way through the next handler or to upstreams.
//
// # Background work
//
// Timers and tasks ([Generation.Start], [Generation.Retire]) enter the VM on goroutines of
// their own, which the VM waits for at its end. What scripts share beside rover.state
// (caches, locks, semaphores, channels) belongs to the VM, the connections of rover.http
// to a generation.
//
// # What a script may rely on
//
// Between two calls that wait a handler is atomic: no other Lua code of the VM runs. Those
// are rover.sleep, rover.parallel, ctx:body, rover.http and the reading of its streams,
// cache:fetch, acquiring a lock or semaphore, and sending to or receiving from a channel.
// They work wherever they are called from. rover.state tables are shared by all requests
// and survive the loading of a new generation. A handler that uses the VM for longer
// than burst without waiting, or makes the heap grow too much meanwhile, is ended,
// wherever it is; one whose client has left or whose timeout is over gets an error from
// the call it waits in, and from every later one, and may clean up.
package luart
