package eventloop

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newIntLoop returns a loop whose threads are plain counters.
func newIntLoop(queue, batch int) *Loop[*int] {
	return New(Config[*int]{NewThread: func() *int { return new(int) }, Limits: Limits{Queue: queue, Batch: batch}})
}
