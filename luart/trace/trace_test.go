package trace

import (
	"strings"
	"testing"
)

// The texts of a trace are bounded: what a script raises may be as long as it likes.
func TestStepsAreBounded(t *testing.T) {
	s := New()
	s.Record(strings.Repeat("ä", 1<<20), strings.Repeat("\x00", 1<<20))
	steps, _ := s.Steps()
	if what, result := steps[0].What, steps[0].Result; len(what) > MaxStepBytes || !strings.HasSuffix(what, "ä…") || len(result) > MaxStepBytes {
		t.Errorf("%d and %d bytes", len(what), len(result))
	}
}
