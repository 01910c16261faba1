//go:build !linux

package integration_test

import (
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/caddy-rover/rover/internal/needs"
)

// cmdTerminal is in terminal_linux_test.go.
func cmdTerminal(ts *testscript.TestScript, _ bool, _ []string) {
	needs.Skip(ts.Value("T").(testscript.T), "pseudo-terminals are made as Linux makes them")
}
