package handler

import (
	"errors"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart"
)

// overload is why a VM takes no request.
type overload struct {
	reason string // the label of caddy_rover_refused_total; docs/limits.md explains each
	err    error
	text   string // the error in words of requests: an event loop has tasks, which may be anything
	remedy string // what an operator can do
}

// overloads are all there are before any Lua runs. Of two that an error is, the narrower one is first.
var overloads = []*overload{
	{
		"share", eventloop.ErrQuotaUsed, "the queue is full for requests of one route",
		"make the handlers of this route faster; one route gets half of the queue, so a longer queue is a longer half",
	},
	{
		"queue", eventloop.ErrOverloaded, "the queue is full",
		"make handlers faster, raise queue, or lower queue_timeout, so that the queue holds only requests that can be served",
	},
	{
		"queue_timeout", eventloop.ErrQueueTimeout, "the request was queued for too long",
		"make handlers faster, lower burst, which bounds what one of them may cost the others, or raise queue_timeout",
	},
	{
		"waiting_share", eventloop.ErrWaitingQuotaUsed, "too many requests of one route are waiting",
		"make the services that handlers of this route wait for faster, or lower timeout; one route gets half of max_waiting, so a higher one is a higher half",
	},
	{
		"max_waiting", eventloop.ErrTooManyWaiting, "too many requests are waiting",
		"make the services that handlers wait for faster, lower timeout, or raise max_waiting if there is memory",
	},
	{
		"done", luart.ErrTooManyDone, luart.ErrTooManyDone.Error(),
		"have done hooks do less, or make what they wait for faster; as many requests may have some to come as max_waiting says",
	},
	{
		"memory", luart.ErrMemory, luart.ErrMemory.Error(),
		"have the scripts keep less, or raise memory; the log said what takes most",
	},
}

// overloadOf returns which one an error is, nil if it is none.
func overloadOf(err error) *overload {
	for _, o := range overloads {
		if errors.Is(err, o.err) {
			return o
		}
	}
	return nil
}

// overloadError is the error of a request that a VM did not take.
type overloadError struct {
	*overload
	err error
}

func (e overloadError) Error() string { return e.text }

func (e overloadError) Unwrap() error { return e.err }
