package scripts

import (
	"slices"

	"github.com/caddy-rover/rover/eventloop"
)

// Histogram counts things by size. Counts has one element more than Bounds, for the rest.
type Histogram struct {
	Bounds []float64 `json:"bounds"`
	Counts []uint64  `json:"counts"`
}

// Total returns how many things there were.
func (h Histogram) Total() (n uint64) {
	for _, count := range h.Counts {
		n += count
	}
	return n
}

// QueueWaits returns how long requests were queued, in seconds; those that did not wait are in
// the first bucket.
func QueueWaits(stats eventloop.Stats) Histogram {
	h := Histogram{Counts: slices.Clone(stats.Waits[:])}
	h.Counts[0] += stats.CallerRuns
	for _, bound := range eventloop.WaitBounds {
		h.Bounds = append(h.Bounds, bound.Seconds())
	}
	return h
}

// BatchSizes returns how many queued requests were run one after the other, without a pause.
func BatchSizes(stats eventloop.Stats) Histogram {
	h := Histogram{Counts: slices.Clone(stats.Batches[:])}
	for i := range len(h.Counts) - 1 {
		h.Bounds = append(h.Bounds, float64(int(1)<<i))
	}
	return h
}
