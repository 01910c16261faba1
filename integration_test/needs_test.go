package integration_test

import (
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/caddy-rover/rover/internal/needs"
)

// cmdNeeds is needs.Program for a script: needs PROGRAM …. It comes before what starts processes.
func cmdNeeds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: needs PROGRAM ...")
	}
	needs.Program(ts.Value("T").(testscript.T), args...)
}
