//go:build !linux

package integration_test

import "github.com/rogpeppe/go-internal/testscript"

// cmdTerminal is in terminal_linux_test.go.
func cmdTerminal(ts *testscript.TestScript, _ bool, _ []string) {
	skipWithout(ts.Value("T").(testscript.T), "pseudo-terminals are made as Linux makes them")
}
