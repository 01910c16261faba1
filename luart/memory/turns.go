package memory

import "time"

const (
	// A count takes turns of turn, and pauses in between, so that a request waits for it no longer
	// than for a handler, and it takes a tenth of the VM at most.
	turn  = time.Millisecond
	pause = 9 * time.Millisecond
)

// InTurns counts in short turns of the VM: enter calls what it is given with the hold of the VM, begin
// begins to count there, and wait waits between turns. It returns how many turns there were, and nil
// for the count where enter has failed or wait says not to go on.
func InTurns(
	enter func(func() (done bool)) error, begin func() *Count, wait func(time.Duration) (goOn bool),
) (c *Count, turns uint64) {
	for done := false; !done; turns++ {
		err := enter(func() bool {
			if c == nil {
				c = begin()
			}
			done = c.step(turn)
			return done
		})
		if err != nil {
			return nil, turns
		}
		if !done && !wait(pause) {
			return nil, turns
		}
	}
	return c, turns
}
