package eventloop

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Refusals of Do.
var (
	// ErrOverloaded says that the queue was full. Nothing of the task has run.
	ErrOverloaded = errors.New("the queue is full")
	// ErrQuotaUsed is the ErrOverloaded of a task whose Quota had more than half of
	// the queue already. Nothing of the task has run.
	ErrQuotaUsed = fmt.Errorf("%w for tasks of one kind", ErrOverloaded)
	// ErrQueueTimeout says that the task was queued for longer than
	// Limits.QueueTimeout. Nothing of it has run, and nothing will.
	ErrQueueTimeout = errors.New("the task was queued for too long")
	// ErrTooManyWaiting says that Limits.MaxWaiting tasks were detached. Nothing of
	// the task has run.
	ErrTooManyWaiting = errors.New("too many tasks are waiting")
	// ErrWaitingQuotaUsed is the ErrTooManyWaiting of a task whose Quota had more
	// detached tasks than there were places left. Nothing of the task has run.
	ErrWaitingQuotaUsed = fmt.Errorf("%w of one kind", ErrTooManyWaiting)
	// ErrTooManyReceiving says that a task cannot be detached with Receive, because
	// Limits.MaxReceiving are, or as many of its Quota as there were places left.
	ErrTooManyReceiving = errors.New("too many tasks are receiving")
	// ErrClosed says that the loop no longer admits tasks. Nothing of the task has run.
	ErrClosed = errors.New("the loop is closed")
)

// ErrGoexit is the error of a queued task that ended its goroutine.
var ErrGoexit = errors.New("the task called runtime.Goexit")

// PanicError is the error of a task that panicked.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // the goroutine's stack at the panic
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value when that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// task is one admitted piece of work plus its reply signal.
//
// Who owns it: the producer until push; then the ring. In the state queued both
// sides may end that with one CAS: whoever has popped it, the holder or the sweeper,
// takes it (taken), or the producer leaves it (cancelled). A taken task, whether it is
// run or refused, is its taker's up to the send on done, which gives it back to the
// producer, who recycles it. A cancelled task is still in the ring; only whoever pops
// it recycles it.
type task[T any] struct {
	fn     func(T) error
	err    error
	quota  *Quota // nil: none; released by whoever pops the task
	class  Class
	pushed int64 // nanotime of the push
	state  atomic.Uint32
	done   chan struct{} // capacity 1: the holder never waits for the producer
	next   *task[T]      // in replies
}

const (
	queued uint32 = iota
	taken
	cancelled
)

// replies are tasks that are over and whose producers do not know it yet: a stack that
// one goroutine at a time pushes onto (the holder, for the loop's), and anybody may take
// whole. Nothing but the whole is ever taken off, so the top that a push found is still
// that task, or its CAS fails.
//
// A task is its pusher's up to the CAS in add, then the stack's; send gives it back to
// its producer.
type replies[T any] struct {
	top   atomic.Pointer[task[T]]
	since int64 // the pusher's: nanotime at which the first of those there was added
}

// add pushes t. Only one goroutine at a time may call it.
func (a *replies[T]) add(t *task[T]) {
	for {
		top := a.top.Load()
		t.next = top
		if a.top.CompareAndSwap(top, t) {
			if top == nil {
				a.since = nanotime()
			}
			return
		}
	}
}

// send gives every task back to its producer, oldest first. Any goroutine may call it.
func (a *replies[T]) send() {
	var oldest *task[T]
	for t := a.top.Swap(nil); t != nil; {
		next := t.next
		t.next = oldest
		oldest = t
		t = next
	}
	for t := oldest; t != nil; {
		next := t.next
		t.next = nil
		t.done <- struct{}{} // the producer's from here on
		t = next
	}
}

// newTask takes a task from the pool. Any goroutine may call it.
func (l *Loop[T]) newTask(class Class, quota *Quota, fn func(T) error) *task[T] {
	t, _ := l.tasks.Get().(*task[T])
	if t == nil {
		t = &task[T]{done: make(chan struct{}, 1)}
	}
	t.fn = fn
	t.class, t.quota = class, quota
	t.pushed = nanotime()
	t.state.Store(queued)
	return t
}

// recycle gives t back to the pool. Only its owner may call it, and only when the
// ring no longer refers to it.
func (l *Loop[T]) recycle(t *task[T]) {
	t.fn, t.err, t.quota = nil, nil, nil
	l.tasks.Put(t)
}
