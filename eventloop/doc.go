// Package eventloop is a lock-free, batching dispatcher: it decides which
// goroutine may touch a single-threaded resource (for Rover a Lua VM), and when.
// It knows neither Lua nor HTTP, and is generic over the thread type that a task
// is given to work on.
//
// # Usage
//
//	loop := eventloop.New(eventloop.Config[*thread]{NewThread: newThread})
//	err := loop.Do(ctx, func(t *thread) error { … })
//	cut := loop.Close(ctx)
//
// # The hold
//
// At most one goroutine at a time holds the loop. Only the holder runs tasks, and
// only the holder touches what the loop guards. The hold changes hands in four ways:
//
//	           claim (idle loop)                      release, nothing pending
//	producer ───────────────────▶ holder runs its own task ───────────────▶ idle
//	   │                               │  release, work is pending
//	   │ ring (loop is held)           ▼
//	   └──────────────────────▶ drain goroutine: batches from the ring ───▶ idle
//	                                   │    ▲
//	                            detach │    │ attach (claim, or the hold is passed on)
//	                                   ▼    │
//	                              waiting, without the hold
//
// A lone task is run at once on the caller's goroutine: no queue, no goroutine
// switch, no waiting for a batch to fill. A caller that ran its own task never
// runs those of others: what is pending goes to the drain goroutine.
//
// # Concurrency properties
//
//   - Exclusive: between two Detach calls a task is atomic. All that one holder
//     did happens before all that the next holder does.
//   - Exactly once: a task that Do admitted runs once, or, if its context or the
//     queue timeout ended while it was queued, never.
//   - FIFO: the queued tasks of a class run in the order in which they entered its
//     ring, higher classes first, but for one of 16 turns that a lower [Class] has.
//     Detached tasks get the hold back in the order in which they asked for it. When
//     both kinds are pending they take turns, at most Batch of a kind in a row.
//   - Bounded: a full ring refuses with [ErrOverloaded] before anything runs, also the
//     tasks of one [Quota] that have more than half of it. So do too many detached
//     tasks ([ErrTooManyWaiting]), and too long a time in the queue
//     ([ErrQueueTimeout], even while the holder is in a long task). A detached task is
//     never refused: it was admitted before.
//   - Contained: a panic in a task is that task's error ([PanicError]); so is
//     runtime.Goexit, as far as the loop is concerned.
//   - No goroutine outlives Close.
//
// # Duties of a task
//
// A task must not call Do or Close of its own loop (it would wait for itself), must
// not keep its thread after it returns, and must not touch anything the loop guards
// inside the function it gives to Detach. That function must return soon after
// [Loop.Stopping] is closed, or Close does not return.
//
// # States of a task
//
//	queued ──▶ running ◀──▶ detached ──▶ answered
//	   ├─────▶ cancelled (its context ended first; it never runs)
//	   └─────▶ refused   (it was queued for too long; it never runs)
package eventloop
