package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// topRows of routes, and of calls, are printed for a VM.
const topRows = 15

// topColumn is a column of routes.
type topColumn struct {
	title string
	text  func(routeRates) string
	less  func(a, b routeRates) int // which is first when sorted by it
}

func mostFirst[T cmp.Ordered](of func(routeRates) T) func(a, b routeRates) int {
	return func(a, b routeRates) int { return cmp.Compare(of(b), of(a)) }
}

// topColumns are the columns, in their order.
var topColumns = []topColumn{
	{"per second", func(r routeRates) string { return fmt.Sprintf("%.1f", r.Rate) }, mostFirst(func(r routeRates) float64 { return r.Rate })},
	{"Lua %", func(r routeRates) string { return fmt.Sprintf("%.1f", 100*r.Busy) }, mostFirst(func(r routeRates) float64 { return r.Busy })},
	{"Lua each", func(r routeRates) string { return inSeconds(r.Lua) }, mostFirst(func(r routeRates) float64 { return r.Lua })},
	{"waiting each", func(r routeRates) string { return inSeconds(r.Wait) }, mostFirst(func(r routeRates) float64 { return r.Wait })},
	{"errors", func(r routeRates) string { return fmt.Sprint(r.Errors) }, mostFirst(func(r routeRates) uint64 { return r.Errors })},
	{"route", func(r routeRates) string { return oneLine(r.Name) }, func(a, b routeRates) int { return cmp.Compare(a.Name, b.Name) }},
}

// topBy is the column that routes are sorted by, if nobody has chosen another one: "Lua %".
const topBy = 1

// sortRoutes sorts by a column, and by name where that is the same.
func sortRoutes(list []routeRates, by int) {
	slices.SortFunc(list, func(a, b routeRates) int {
		return cmp.Or(topColumns[by].less(a, b), cmp.Compare(a.Name, b.Name))
	})
}

// printTop prints rates for people, routes sorted by a column.
func printTop(w io.Writer, r rates, by int) error {
	for _, vm := range r.VMs {
		if err := printTopVM(w, vm, by); err != nil {
			return err
		}
	}
	return nil
}

func printTopVM(w io.Writer, vm vmRates, by int) error {
	rows := slices.Concat(vm.Routes, vm.Background)
	sortRoutes(rows, by)
	fmt.Fprintf(w, "%s  version %d\n", vm.VM, vm.Version)
	// Two lines: together they are wider than the usual terminal, which cuts what is too much.
	fmt.Fprintf(w, "  %.1f requests/s  VM in use %.0f%%  refused %.1f/s  kept %.1f MiB\n",
		vm.Requests, 100*vm.Busy, vm.Refused, float64(vm.MemoryBytes)/(1<<20))
	fmt.Fprintf(w, "  queued %d  waiting %d  in flight %d\n", vm.Queued, vm.Waiting, vm.InFlight)
	for _, s := range vm.Stores {
		if s.notable() {
			fmt.Fprintf(w, "  %s\n", oneLine(s.text()))
		}
	}
	if n := vm.Leases.Waiting; n > 0 {
		fmt.Fprintf(w, "  limits: %d wait for the store\n", n)
	}
	for _, c := range vm.Concurrency[:min(len(vm.Concurrency), topRows)] {
		if c.Waiting > 0 { // for what runs there are other lines
			fmt.Fprintf(w, "  %s\n", oneLine(fmt.Sprintf("concurrency %s: %d run, %d wait", c.Rule, c.Running, c.Waiting)))
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, c := range topColumns {
		fmt.Fprint(t, between(i), c.title)
	}
	fmt.Fprintln(t)
	for _, r := range rows[:min(len(rows), topRows)] {
		for i, c := range topColumns {
			fmt.Fprint(t, between(i), c.text(r))
		}
		fmt.Fprintln(t)
	}
	if more := len(rows) - topRows; more > 0 {
		fmt.Fprintf(t, "  and %d more\n", more)
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
		fmt.Fprintf(t, "  %d\t%s\t%.1fs\t%.1fs\t\t%s\n", c.ID, c.State, c.Age, c.Waited, oneLine(what))
	}
	if more := vm.MoreCalls + len(vm.Calls) - topRows; more > 0 {
		fmt.Fprintf(t, "  and %d more\n", more)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// slowStore is when a store is slow: one in the same data centre answers in a fraction of it.
const slowStore = 20e-3

// notable reports whether a store is worth a line: it is on a server, and somebody uses it or
// it is away.
func (s storeRates) notable() bool { return s.Address != "" && (!s.Up || s.Rate > 0 || s.Waiting > 0) }

func (s storeRates) text() string {
	state := "up"
	switch {
	case !s.Up:
		state = "DOWN, " + s.Error
	case s.Each > slowStore:
		state = "SLOW"
	}
	return fmt.Sprintf("store %s %s  %.1f calls/s  %s each  failed %d  under way %d", s.Name(), state, s.Rate, inSeconds(s.Each), s.Failed, s.Waiting)
}

// between is what stands before a column.
func between(column int) string {
	if column == 0 {
		return "  "
	}
	return "\t"
}

func inSeconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Microsecond / 10).String()
}
