package budget

import (
	"math"
	"runtime/metrics"
)

// heapBytes is what lies on the process' heap, garbage that has not been swept included.
func heapBytes() int64 { return readMetric("/memory/classes/heap/objects:bytes") }

// liveBytes is what the last collection found alive.
func liveBytes() int64 { return readMetric("/gc/heap/live:bytes") }

func readMetric(name string) int64 {
	sample := [1]metrics.Sample{{Name: name}}
	metrics.Read(sample[:])
	return int64(min(sample[0].Value.Uint64(), math.MaxInt64))
}
