package cli

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/watch"
	"github.com/caddy-rover/rover/luart/module"
)

// watch runs the tests, and again those whose files change, until ctx ends.
func (t *testRun) watch(ctx context.Context) (int, error) {
	w := watch.New(zap.NewNop(), 0)
	defer w.Close()
	type seen struct {
		files []string              // that it depends on
		was   map[string]watch.Hash // what they held before it ran
	}
	known := map[string]seen{}
	quiet := true // nothing has been written for a moment
	for first := true; ; first = false {
		files, err := t.find()
		if err != nil && first {
			return exitUsage, err
		}
		maps.DeleteFunc(known, func(file string, _ seen) bool { return !slices.Contains(files, file) })
		var due []string
		var watched []string
		for _, file := range files {
			s, ok := known[file]
			changed := !ok
			for _, dep := range s.files {
				changed = changed || watch.HashOf(lookAt(dep)) != s.was[dep]
			}
			if changed {
				due = append(due, file)
			}
			watched = append(watched, s.files...)
		}
		for _, path := range t.paths {
			watched = append(watched, filepath.Join(absolute(path), "new_test.lua"))
		}
		again := w.Follow(watched)
		if !quiet { // also for what changed before its folder was followed
			again = watch.Settle
		}
		if len(due) == 0 || !quiet {
			if quiet = true; !w.Wait(ctx, again, nil) {
				return caddy.ExitCodeSuccess, nil
			}
			continue
		}
		quiet = false
		// What files hold now is looked at before they are read: a change in between is one more.
		before := map[string]watch.Hash{}
		for _, dep := range watched {
			before[dep] = watch.HashOf(lookAt(dep))
		}
		results := t.files(ctx, due)
		for _, r := range results {
			s := seen{r.Files, map[string]watch.Hash{}}
			for _, dep := range r.Files {
				hash, ok := before[dep]
				if !ok {
					hash = watch.HashOf(lookAt(dep))
				}
				s.was[dep] = hash
			}
			known[r.Path] = s
		}
		if _, err := t.coverage(); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		t.report.Total(results)
		fmt.Fprintln(t.report.W, "watching…")
	}
}

// lookAt returns what a file holds, nil if that cannot be a script.
func lookAt(path string) []byte {
	source, err := module.ReadScript(path)
	if err != nil {
		return nil
	}
	return source
}

// absolute returns a path from the root, itself where there is no current folder.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
