// Package clock is the time that a script's timers, waits and timeouts go by: that of the
// system, or one that stands still, for tests of scripts.
//
// A nil *Clock is the system's time; its methods cost what those of package time do.
//
// # A clock that stands still
//
// It moves only when nobody who goes by it could do anything else: then it jumps to what is
// due next, and one thing happens at a time, in the order of time. So a test of an hour
// takes no time, and comes out the same each time.
//
// For that the clock must know who is at work. Whatever works for itself, beside others, is
// an activity: a test, a timer that has fired, a background task, each function of
// rover.parallel ([Clock.Begin], [Clock.End]). While it waits for the time, or for another
// activity, it stands aside ([Clock.Wait]). Work that one activity hands to another
// goroutine and waits for is the same activity.
package clock
