package luart

import "sync/atomic"

// idempotentOutcome is what api.idempotent has made of a request.
type idempotentOutcome int

const (
	idempotentFirst       idempotentOutcome = iota // it has claimed its key, and runs
	idempotentReplayed                             // it got the answer of the first
	idempotentConflict                             // its key was used for another request
	idempotentInProgress                           // the first has not ended, for as long as one waits
	idempotentNoAnswer                             // the first has ended without an answer to give again
	idempotentUnprotected                          // it has no key
	idempotentInvalid                              // its key is none, or it needs one
	idempotentStoreFailed                          // the store did not answer
	numIdempotentOutcomes
)

// idempotentOutcomes are their names, for metrics.
var idempotentOutcomes = [numIdempotentOutcomes]string{
	"first", "replayed", "conflict", "in_progress", "no_answer", "unprotected", "invalid", "store_failed",
}

// idempotentCounts count what became of requests to handlers of api.idempotent.
type idempotentCounts [numIdempotentOutcomes]atomic.Uint64

// Idempotent returns how often api.idempotent has done what, by the names of outcomes. Any goroutine may
// call it.
func (vm *VM) Idempotent() map[string]uint64 {
	counts := make(map[string]uint64, numIdempotentOutcomes)
	for i, name := range idempotentOutcomes {
		counts[name] = vm.idempotents[i].Load()
	}
	return counts
}
