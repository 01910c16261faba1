package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/internal/logformat"
)

func topCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top [--interval <duration>] [--once] [--json] [--vm <name>] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Shows which routes take the VM's time, and what is in flight",
		Long: `Shows, again and again, what the VMs of a running Caddy do: requests per second, how much of
the time the VM is in use, which routes it is used for, and what is in flight and waits for
what. The figures are those of the last interval. --once prints them a single time; so does
--json, as one object, or with an --interval that is given as one line of JSON for each.

In a terminal the keys are:
` + topHelp,
		Args: cobra.NoArgs,
		RunE: runs(runTop),

		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.DurationP("interval", "i", 2*time.Second, "Time between two looks, at least 100ms")
	flags.Bool("once", false, "Print once, after one interval")
	flags.Bool("json", false, "Print the figures as JSON")
	adminFlags(cmd)
	return cmd
}

func runTop(cmd *cobra.Command, fl caddycmd.Flags) (int, error) {
	interval := fl.Duration("interval")
	if interval < 100*time.Millisecond {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("interval %v is too short: at least 100ms", interval)
	}
	ask := func() (l look, err error) {
		body, err := askAdmin(fl, http.MethodGet, "/rover/live", nil, nil)
		if err == nil {
			err = json.Unmarshal(body, &l)
		}
		return l, err
	}
	first, err := ask()
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(stop)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	once, asJSON := fl.Bool("once"), fl.Bool("json")
	in, out := cmd.InOrStdin(), cmd.OutOrStdout()
	if !once && !asJSON && logformat.IsTerminal(in) && logformat.IsTerminal(out) {
		t := &top{ask: ask, before: first, tick: tick.C, stop: stop, interval: interval}
		err = onScreen(in.(*os.File), out.(*os.File), t.run)
	} else {
		once = once || asJSON && !fl.Changed("interval")
		err = printTops(out, ask, first, tick.C, stop, once, asJSON)
	}
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	return caddy.ExitCodeSuccess, nil
}

// printTops prints what happens between two looks, again and again until stop, or once.
func printTops(out io.Writer, ask func() (look, error), before look, tick <-chan time.Time, stop <-chan os.Signal, once, asJSON bool) error {
	for {
		select {
		case <-stop:
			return nil
		case <-tick:
		}
		now, err := ask()
		if err != nil {
			return err
		}
		r, ok := ratesBetween(before, now)
		switch {
		case !ok:
			err = errors.New("the clock of the server went back")
		case asJSON && once:
			err = printJSON(out, r)
		case asJSON:
			err = json.NewEncoder(shownOn(out)).Encode(r)
		default:
			err = printTop(out, r, topBy)
		}
		if err != nil || once {
			return err
		}
		before = now
	}
}
