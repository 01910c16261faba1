package cli

import (
	"fmt"
	"path/filepath"
	"slices"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/luart/lint"
	"github.com/caddy-rover/rover/luart/module"
)

// runCheck prints what caddy rover check finds in the script that is served: a guard without its
// return loads, and lets everybody through.
type runCheck struct {
	cmd  *cobra.Command
	fl   caddycmd.Flags
	path string

	found bool // something, the last time
}

// loadCodes are findings that the log says, or an error: why a script does not load. That the
// network is needed to load it is no finding here.
var loadCodes = []string{"syntax", "load-error", "load-needs-network"}

// print checks the script, and prints what is found, or that it is not found any more. The error is
// that of the file.
func (r *runCheck) print() error {
	source, err := module.ReadScript(r.path)
	if err != nil {
		return err
	}
	s, given, err := checkSettings(r.fl)
	if err != nil {
		return err
	}
	s.Net = nil // it has been loaded, or will be: what it asks of others then is asked once
	s.Path, s.Source = filepath.Clean(r.path), source
	done, err := beside{Set: map[string]string{}}.apply(&s, given)
	defer done()
	if err != nil {
		return nil // who loads it says so
	}
	found := slices.DeleteFunc(lint.Check(r.cmd.Context(), s), func(f lint.Finding) bool { return slices.Contains(loadCodes, f.Code) })
	if len(found) == 0 && !r.found {
		return nil
	}
	r.found = len(found) > 0
	report := &checkReport{Scripts: []string{r.path}}
	report.add(found)
	return report.print(r.cmd.ErrOrStderr(), false)
}

// printAgain prints what is found after each reload.
func (r *runCheck) printAgain(reloaded <-chan struct{}) {
	for range reloaded {
		if err := r.print(); err != nil {
			fmt.Fprintln(r.cmd.ErrOrStderr(), printable(err.Error()))
		}
	}
}
