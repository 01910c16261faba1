package scripttest

import (
	"time"

	"github.com/caddy-rover/rover/luart/coverage"
)

// Results are how tests have ended, as JSON says it.
type Results struct {
	Passed   int          `json:"passed"`
	Failed   int          `json:"failed"` // a file that does not load counts as one
	Skipped  int          `json:"skipped"`
	Seconds  float64      `json:"seconds"`
	Seed     uint64       `json:"seed"`
	Files    []FileJSON   `json:"files"`
	Coverage []LinesOfRun `json:"coverage,omitempty"` // of each script, where it was asked for
}

// FileJSON is how the tests of a file have ended.
type FileJSON struct {
	File    string     `json:"file"`
	Seconds float64    `json:"seconds"`
	Error   string     `json:"error,omitempty"` // why it does not load
	Output  []string   `json:"output,omitempty"`
	Tests   []TestJSON `json:"tests"`
}

// TestJSON is how a test has ended.
type TestJSON struct {
	Name    string   `json:"name"`
	Outcome string   `json:"outcome"` // "passed", "failed" or "skipped"
	Seconds float64  `json:"seconds"`
	Error   string   `json:"error,omitempty"`  // why it has failed, with the place
	Output  []string `json:"output,omitempty"` // what was printed and logged
}

// LinesOfRun is how many lines of a script have run.
type LinesOfRun struct {
	File   string `json:"file"`
	Lines  int    `json:"lines"`
	Run    int    `json:"run"`
	NotRun string `json:"not_run,omitempty"` // "3, 7-9"
}

// JSON returns results for encoding/json.
func (p Report) JSON(results []FileResult, covered []*coverage.File) Results {
	all := Results{Seed: p.Seed, Files: []FileJSON{}}
	var took time.Duration
	for _, r := range results {
		took += r.Took
		c := count(r)
		all.Passed += c.Passed
		all.Failed += c.Failed
		all.Skipped += c.Skipped
		file := FileJSON{File: r.Path, Seconds: r.Took.Seconds(), Output: r.Output, Tests: []TestJSON{}}
		if r.Err != nil {
			file.Error = r.Err.Message + r.Err.Details
		}
		for _, t := range r.Tests {
			test := TestJSON{Name: t.Name, Outcome: "passed", Seconds: t.Took.Seconds(), Output: t.Output}
			switch {
			case t.Skipped:
				test.Outcome = "skipped"
			case t.Failure != nil:
				test.Outcome, test.Error = "failed", t.Failure.Message+t.Failure.Details
			}
			file.Tests = append(file.Tests, test)
		}
		all.Files = append(all.Files, file)
	}
	all.Seconds = took.Seconds()
	for _, f := range covered {
		all.Coverage = append(all.Coverage, LinesOfRun{File: shownPath(f.Path), Lines: len(f.Lines), Run: linesRun(f), NotRun: missingLines(f)})
	}
	return all
}
