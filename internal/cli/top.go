package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/internal/admin"
)

// topRows of routes, and of calls, are printed for a VM.
const topRows = 15

func topCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top [--interval <duration>] [--once] [--vm <name>] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Shows which routes take the VM's time, and what is in flight",
		Long: `Shows, again and again, what the VMs of a running Caddy do: requests per second, how much of
the time the VM is in use, which routes it is used for, and what is in flight and waits for
what. The figures are those of the last interval. --once prints them a single time.`,
		Args: cobra.NoArgs,
		RunE: runs(runTop),
	}
	flags := cmd.Flags()
	flags.DurationP("interval", "i", 2*time.Second, "Time between two looks, at least 100ms")
	flags.Bool("once", false, "Print once, after one interval")
	adminFlags(cmd)
	return cmd
}

// look is an answer of GET /rover/live.
type look struct {
	At  time.Time    `json:"at"`
	VMs []admin.Live `json:"vms"`
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
	before, err := ask()
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return caddy.ExitCodeSuccess, nil
		case <-tick.C:
		}
		now, err := ask()
		if err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		if !fl.Bool("once") {
			fmt.Print("\x1b[H\x1b[2J") // to the top of an empty screen
		}
		if err := printTop(os.Stdout, before, now); err != nil || fl.Bool("once") {
			return caddy.ExitCodeSuccess, err
		}
		before = now
	}
}

// total is how many requests, or pieces of work, there were.
func total(c admin.Cost) (n uint64) {
	for _, count := range c.Requests {
		n += count
	}
	return n
}

// since returns what c has become since an earlier look.
func since(list []admin.Cost, c admin.Cost) (n uint64, lua, wait float64, errors uint64) {
	for _, was := range list {
		if was.Name == c.Name && total(was) <= total(c) {
			return total(c) - total(was), c.LuaSeconds - was.LuaSeconds, c.WaitSeconds - was.WaitSeconds, c.Errors - was.Errors
		}
	}
	return total(c), c.LuaSeconds, c.WaitSeconds, c.Errors
}

// printTop prints what has happened between two looks.
func printTop(w io.Writer, before, now look) error {
	elapsed := now.At.Sub(before.At).Seconds()
	if elapsed <= 0 {
		return errors.New("the clock of the server went back")
	}
	for _, vm := range now.VMs {
		var was admin.Live
		for _, b := range before.VMs {
			if b.VM == vm.VM {
				was = b
			}
		}
		if err := printTopVM(w, was, vm, elapsed); err != nil {
			return err
		}
	}
	return nil
}

// topRow is what a route, or background work, has done in an interval.
type topRow struct {
	name      string
	n, errors uint64
	lua, wait float64
}

func printTopVM(w io.Writer, was, vm admin.Live, elapsed float64) error {
	var rows []topRow
	var requests uint64
	add := func(list, before []admin.Cost, request bool) {
		for _, c := range list {
			r := topRow{name: c.Name}
			r.n, r.lua, r.wait, r.errors = since(before, c)
			if request {
				requests += r.n
			}
			if r.n > 0 {
				rows = append(rows, r)
			}
		}
	}
	add(vm.Routes, was.Routes, true)
	add(vm.Background, was.Background, false)
	slices.SortStableFunc(rows, func(a, b topRow) int { return cmp.Compare(b.lua, a.lua) })
	refused := vm.Refused - min(was.Refused, vm.Refused)
	fmt.Fprintf(w, "%s  version %d  %.1f requests/s  VM in use %.0f%%  queued %d  waiting %d  in flight %d  refused %.1f/s  kept %.1f MiB\n",
		vm.VM, vm.Version, float64(requests)/elapsed, 100*min(1, max(0, vm.BusySeconds-was.BusySeconds)/elapsed),
		vm.Queued, vm.Waiting, vm.InFlight, float64(refused)/elapsed, float64(vm.MemoryBytes)/(1<<20))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  per second\tLua %\tLua each\twaiting each\terrors\troute")
	for _, r := range rows[:min(len(rows), topRows)] {
		fmt.Fprintf(t, "  %.1f\t%.1f\t%s\t%s\t%d\t%s\n", float64(r.n)/elapsed, 100*r.lua/elapsed,
			inEach(r.lua, r.n), inEach(r.wait, r.n), r.errors, printable(r.name))
	}
	if len(vm.Calls) > 0 {
		fmt.Fprintln(t, "  id\tstate\tage\tfor\t\tin flight")
	}
	for _, c := range vm.Calls[:min(len(vm.Calls), topRows)] {
		what := c.Name
		if c.Path != "" {
			what += " " + c.Path
		}
		if c.WaitsOn != "" {
			what += " on " + c.WaitsOn
		}
		fmt.Fprintf(t, "  %d\t%s\t%.1fs\t%.1fs\t\t%s\n", c.ID, c.State, c.Age, c.Waited, printable(what))
	}
	if more := vm.MoreCalls + len(vm.Calls) - topRows; more > 0 {
		fmt.Fprintf(t, "  and %d more\n", more)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

func inEach(seconds float64, n uint64) string {
	return time.Duration(seconds / float64(n) * float64(time.Second)).Round(time.Microsecond / 10).String()
}
