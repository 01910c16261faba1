package store

import "time"

// take is the generic cell rate algorithm. tat is when Burst would be there again, as far as it is
// known; now and tat are nanoseconds on one clock. It returns the next tat.
func take(tat, now int64, r Rate, n int64, some bool) (next int64, t Taken) {
	interval, full := int64(r.Interval()), int64(r.Interval())*r.Burst
	tat = min(max(tat, now), now+full) // beyond it the clock was set back
	there := (now + full - tat) / interval
	switch {
	case n <= there:
		t.Granted = n
	case some:
		t.Granted = there
	}
	tat += t.Granted * interval
	t.Remaining = there - t.Granted
	t.Reset = time.Duration(tat - now)
	if t.Granted < n {
		wanted := min(n-t.Granted, r.Burst)
		t.Retry = time.Duration(tat + wanted*interval - now - full)
	}
	return tat, t
}

// give takes n back.
func give(tat, now int64, r Rate, n int64) (next int64) {
	return max(tat-n*int64(r.Interval()), now)
}
