package main

import (
	"fmt"
	"slices"
	"strings"
)

// markdown is the table as a page has it.
func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "µs of CPU time of a request: the median and the range, rounds: %d. A ratio above 1 says that a row is\n"+
		"cheaper than what it is compared with.\n\n", t.rounds)

	b.WriteString("| | hello | hello in Lua | proxy | Lua decision and proxy |\n|---|---|---|---|---|\n")
	for _, r := range t.peers {
		fmt.Fprintf(&b, "| %s |", r.name)
		for _, c := range r.cells {
			fmt.Fprintf(&b, " %s |", c)
		}
		b.WriteString("\n")
	}

	b.WriteString("\n| in Caddy | `gc_floor off` | ratio | default floor | ratio | beside `gc_floor off` |\n|---|---|---|---|---|---|\n")
	for _, r := range t.collector {
		fmt.Fprintf(&b, "| %s | %s |", r.name, r.asGo)
		if r.base < 0 {
			fmt.Fprintf(&b, " | %s | | %s |\n", r.withFloor, ratio(r.asGo, r.withFloor))
			continue
		}
		base := t.collector[r.base]
		fmt.Fprintf(&b, " %s | %s | %s | %s |\n", ratio(base.asGo, r.asGo), r.withFloor,
			ratio(base.withFloor, r.withFloor), ratio(base.asGo, r.withFloor))
	}

	b.WriteString("\n| elsewhere | `reverse_proxy` | `api.proxy` | ratio |\n|---|---|---|---|\n")
	for _, r := range t.elsewhere {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.name, r.base, r.ours, ratio(r.base, r.ours))
	}
	return b.String()
}

// String is the median of the rounds, and their range.
func (c *cell) String() string {
	if c == nil {
		return "–"
	}
	format := "%.1f"
	if slices.Max(c.cpu) >= 100 {
		format = "%.0f"
	}
	return spread(c.cpu, format)
}

// ratio is how many times cheaper ours is than base, round by round.
func ratio(base, ours *cell) string {
	ratios := make([]float64, len(base.cpu))
	for i := range ratios {
		ratios[i] = base.cpu[i] / ours.cpu[i]
	}
	return spread(ratios, "%.2f")
}

// spread is the median of values and their range.
func spread(values []float64, format string) string {
	values = slices.Sorted(slices.Values(values))
	last := len(values) - 1
	return fmt.Sprintf(format+" ("+format+"–"+format+")", values[len(values)/2], values[0], values[last])
}
