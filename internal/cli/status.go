package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddy-rover/rover/internal/scripts"
)

// printStatus prints the status of VMs for people.
func printStatus(w io.Writer, vms []scripts.Status) error {
	for _, s := range vms {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		row := func(name, format string, args ...any) {
			fmt.Fprintf(table, "  %s\t%s\n", name, oneLine(fmt.Sprintf(format, args...)))
		}
		fmt.Fprintf(table, "%s\n", s.VM)
		if len(s.Scripts) > 1 || s.Scripts[0] != s.VM {
			row("scripts", "%s", strings.Join(s.Scripts, ", "))
		}
		row("version", "%d, since %s", s.Version, s.LoadedAt.Format(time.DateTime))
		for _, path := range s.Kept {
			row("kept", "%s: it had not changed when the config was loaded", path)
		}
		row("reloads", "%d, refused %d", s.Reloads.Done, s.Reloads.Failed)
		switch {
		case s.RolledBack:
			row("rollback", "what was there before the last reload runs; another rollback undoes it")
		case s.Rollback:
			row("rollback", "possible")
		default:
			row("rollback", "nothing to go back to")
		}
		for _, path := range s.FilesDiffer {
			row("differs", "%s: it holds something else than what runs; a reload loads it", path)
		}
		if s.Watch {
			row("watch", "reloads when a file changes")
		}
		if s.Persist != nil {
			printPersist(s.Persist, row)
		}
		for _, is := range s.Readiness {
			row("health", "%s: %s", is.Script, describeReadiness(is))
		}
		for _, store := range s.Stores {
			row("store", "%s", describeStore(store))
		}
		if s.Leases.Keys > 0 || s.Leases.Waiting > 0 {
			row("leases", "%d left, of %d keys; %d requests wait for the store", s.Leases.Tokens, s.Leases.Keys, s.Leases.Waiting)
		}
		for _, c := range s.Concurrency {
			row("concurrency", "%s: %d requests run, %d wait", c.Rule, c.Running, c.Waiting)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		if e := s.LastError; e != nil { // not in the table, whose columns the tabs of a source would move
			text := strings.ReplaceAll(printable(strings.TrimSpace(e.Message)), "\n", "\n    ")
			fmt.Fprintf(w, "  refused   %s: %s\n", e.At.Format(time.DateTime), text)
		}
	}
	return nil
}

// describeReadiness says whether a script may be sent requests.
func describeReadiness(is scripts.Readiness) string {
	text := "ready"
	if !is.Ready {
		text = "NOT READY"
	}
	for _, reason := range append(is.Reasons, is.Warnings...) {
		text += "; " + strings.TrimSpace(reason.Code+" "+reason.Dependency)
		if reason.Reason != "" {
			text += ": " + reason.Reason
		}
	}
	return text
}

// describeStore says how a store is.
func describeStore(s scripts.StoreStatus) string {
	if s.Address == "" {
		return fmt.Sprintf("in the VM; %d items of %d bytes, %d calls", s.Items, s.Bytes, s.Calls)
	}
	text := s.Engine + " " + s.Address
	if s.Up {
		text += fmt.Sprintf(" up since %s", s.Since.Format(time.DateTime))
	} else {
		text += fmt.Sprintf(" DOWN since %s: %s", s.Since.Format(time.DateTime), s.Error)
	}
	return text + fmt.Sprintf("; %d calls, %d failed, %d under way, %s each", s.Calls, s.Errors, s.Waiting, inSeconds(s.LatencySeconds))
}

// printPersist prints how what a VM keeps is saved, for people: rover.state, and what else there is.
func printPersist(s *scripts.PersistStatus, row func(name, format string, args ...any)) {
	when := "every " + s.Interval
	if s.Interval == "0s" {
		when = "only at the end"
	}
	printSaved(when, &s.SavedStatus, row)
	if s.Store.IsUsed() {
		printSaved("rover.store", &s.Store, row)
	}
	if s.Answers.IsUsed() {
		printSaved("api.idempotent", &s.Answers, row)
	}
}

func printSaved(what string, s *scripts.SavedStatus, row func(name, format string, args ...any)) {
	hold := time.Duration(s.Hold * float64(time.Second))
	switch {
	case s.Saved != nil:
		row("persist", "%s; %d bytes saved at %s, which held the VM for %v", what, s.Bytes, s.Saved.Format(time.DateTime), hold.Round(time.Microsecond))
	case s.Restored != nil:
		row("persist", "%s; restored as it was at %s", what, s.Restored.Format(time.DateTime))
	default:
		row("persist", "%s; nothing saved yet", what)
	}
	if filepath.IsAbs(s.Folder) {
		row("", "in %s", s.Folder)
	} else {
		row("", "%s in the storage", s.Folder)
	}
	for _, place := range s.SetAside {
		row("set aside", "%s", place)
	}
	if e := s.LastError; e != nil {
		row("not saved", "%s: %s", e.At.Format(time.DateTime), e.Message)
	}
}
