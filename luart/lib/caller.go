package lib

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Caller is what has called a function of a library: a request, a background task, the loading
// of a script, one of the functions of rover.parallel. Callers can be compared: two are equal if
// they are the same one. Only the holder may use it, only that which runs may wait, and it must not
// be kept beyond its end: AtEnd tells.
type Caller interface {
	// Await gives up the hold, calls wait, and returns with the hold. The context of wait ends
	// with the request, its timeout or the VM; then Await raises in L, once wait has returned.
	// It is for work under way elsewhere, which the end of a generation does not interrupt.
	Await(L *lua.LState, on WaitsOn, wait func(context.Context))

	// Park gives up the hold until ready is closed, or d is over; luaval.Forever never is. It is for
	// waits in which nothing is under way: in background tasks they end with the generation.
	// Whoever closes ready for a caller that Park raises for must take back what it gave.
	Park(L *lua.LState, on WaitsOn, ready <-chan struct{}, d time.Duration)

	// ParkFor is Park without a time, for a resource that others hold. What waits for
	// each other is found by it: CheckDeadlock must have been asked before.
	ParkFor(L *lua.LState, on WaitsOn, r Resource, ready <-chan struct{})

	// CheckDeadlock raises in L when r will not be free before the caller has gone on.
	CheckDeadlock(L *lua.LState, r Resource)

	// Holds reports whether the caller, or one that ends after it, has a Hold on r.
	Holds(r Resource) bool

	// AtEnd has do called when the caller ends, whatever happens, the last one first, unless
	// Forget is called before with the same key.
	AtEnd(key any, do func())

	// AtResponseEnd is AtEnd, but for a request it is when its response has ended, whoever sends
	// that.
	AtResponseEnd(key any, do func())

	// Forget undoes AtEnd or AtResponseEnd.
	Forget(key any)

	// PatienceElsewhere is how long work elsewhere may take where nothing else bounds it: as
	// long as a request, in the background. It is 0 for a caller with a timeout of its own,
	// which ends Await.
	PatienceElsewhere() time.Duration

	// Request returns the id and the header of the request that it is made for; ok is false
	// where there is none. The header is not to be changed.
	Request() (id string, header http.Header, ok bool)

	// Spawn calls a function in the background, soon; kind says in the log what it is. It
	// reports false, and does nothing, where no background task can be begun.
	Spawn(L *lua.LState, kind string, fn *lua.LFunction) bool
}

// WaitsOn says what a call waits for, to operators who look at what is in flight.
type WaitsOn struct {
	What  string // "rover.lock"
	Which string // which of them; "": there is one only
}

func (w WaitsOn) String() string {
	if w.Which == "" {
		return w.What
	}
	return w.What + " " + strconv.Quote(w.Which)
}

// Resource is what one caller holds while others wait for it.
type Resource interface {
	fmt.Stringer     // lock "x"
	Verb() string    // is it held, or what?
	HeldBy() []*Hold // those of whom one must go on before the next can have it
}

// Hold is a caller's hold on a Resource. Where it is the key in AtResponseEnd and the request is
// answered elsewhere, it goes on there, By another Caller.
type Hold struct {
	By    Caller
	Where string // file:line of what took it
}
