package budget

import (
	"math"
	"runtime/metrics"
)

// heapBytes is what lies on the process' heap, garbage that has not been swept included, and live what
// the last collection found alive. They are read at once: each reading adds up the whole heap's
// statistics.
func heapBytes() (heap, live int64) {
	samples := [...]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples[:])
	return bytesOf(samples[0]), bytesOf(samples[1])
}

func bytesOf(s metrics.Sample) int64 { return int64(min(s.Value.Uint64(), math.MaxInt64)) }
