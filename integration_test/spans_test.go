package integration_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdSpans prints the spans that a server has written to its standard output, which the
// commands wait and kill before it have collected (OTEL_TRACES_EXPORTER=console): name,
// parent, and for those of Rover the outcome and the error, sorted.
func cmdSpans(ts *testscript.TestScript, _ bool, _ []string) {
	type span struct {
		Name        string
		SpanContext struct{ SpanID string }
		Parent      struct{ SpanID string }
		Attributes  []struct {
			Key   string
			Value struct{ Value any }
		}
		Status struct{ Description string }
	}
	var spans []span
	names := map[string]string{}
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var s span
		ts.Check(json.Unmarshal([]byte(line), &s))
		spans = append(spans, s)
		names[s.SpanContext.SpanID] = s.Name
	}
	var lines []string
	for _, s := range spans {
		parent, known := names[s.Parent.SpanID]
		if !known {
			parent = s.Parent.SpanID
		}
		line := s.Name + " in " + parent
		for _, a := range s.Attributes {
			if a.Key == "rover.outcome" {
				line += fmt.Sprint(": ", a.Value.Value)
			}
		}
		if s.Status.Description != "" {
			line += ": " + s.Status.Description
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	fmt.Fprintln(ts.Stdout(), strings.Join(lines, "\n"))
}
