package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/internal/logformat"
	"github.com/caddy-rover/rover/luart/coverage"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/scripttest"
)

// testTimeout is how long a test may take: its clock stands still, so one that takes a
// second hangs, or the machine does.
const testTimeout = 10 * time.Second

// testCommand makes caddy rover test.
func testCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [<folder> | <file_test.lua>...] [--run <regexp>] [--timeout <duration>] [--seed <n>] [--junit <file>] [--cover] [--coverprofile <file>] [--watch] [--verbose | --json]",
		Short: "Runs the tests of scripts: files named *_test.lua",
		Long: `Runs the tests in files named *_test.lua, those below the current folder if none is given.
app_test.lua tests app.lua beside it, with the options of the rover directive that names
it in a Caddyfile beside it, if there is one. Each test has a script of its own that really
runs; the clock stands still, and there is no network but what the test makes up.

Exit code 1: a test has failed. 2: there is none, or the arguments are wrong.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := runTests(cmd, args)
			if errors.Is(err, errTestsFailed) && isJSON(cmd) { // that was said
				return exitWith(cmd, code)
			}
			return failWith(cmd, code, err)
		},
	}
	flags := cmd.Flags()
	flags.String("run", "", "Run only tests whose name matches")
	flags.Duration("timeout", testTimeout, "How long a test may take, by the real clock")
	flags.Uint64("seed", 1, "What random numbers begin with: the same are drawn in every run")
	flags.String("junit", "", "Also write the results to this file, as JUnit XML")
	flags.Bool("cover", false, "Print how many of the scripts' lines have run, and which have not")
	flags.String("coverprofile", "", "Also write which lines have run to this file, as lcov does")
	flags.BoolP("watch", "w", false, "Run the tests again whose files change, until Ctrl-C")
	flags.BoolP("verbose", "v", false, "Print the tests that have passed, too")
	flags.Bool("json", false, "Print the results as JSON")
	return cmd
}

var errTestsFailed = errors.New("tests have failed")

// runTests runs the tests that arguments and flags name. It returns the exit code, and an
// error to print with it.
func runTests(cmd *cobra.Command, args []string) (int, error) {
	ctx, fl := cmd.Context(), caddycmd.Flags{FlagSet: cmd.Flags()}
	runner := &scripttest.Runner{Timeout: fl.Duration("timeout"), Open: (&scriptConfigs{}).open, Libraries: all.Libraries()}
	var err error
	if runner.Seed, err = fl.GetUint64("seed"); err != nil {
		return exitUsage, err
	}
	if runner.Timeout <= 0 {
		return exitUsage, errors.New("--timeout: a duration above 0 expected")
	}
	if expr := fl.String("run"); expr != "" {
		if runner.Run, err = regexp.Compile(expr); err != nil {
			return exitUsage, fmt.Errorf("--run: %w", err)
		}
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	t := &testRun{
		runner: runner, paths: args, junit: fl.String("junit"), profile: fl.String("coverprofile"),
		report: scripttest.Report{W: logformat.PrintableWriter(os.Stdout), Verbose: fl.Bool("verbose"), Seed: runner.Seed},
	}
	t.cover = fl.Bool("cover") || t.profile != ""
	if isJSON(cmd) {
		if fl.Bool("watch") {
			return exitUsage, errors.New("--json: not with --watch")
		}
		t.json, t.report.W = cmd.OutOrStdout(), io.Discard
	}
	if fl.Bool("watch") {
		return t.watch(ctx)
	}
	files, err := t.find()
	if err != nil {
		return exitUsage, err
	}
	return t.run(ctx, files)
}

// testRun is one run of caddy rover test.
type testRun struct {
	runner *scripttest.Runner
	paths  []string
	junit  string // a file; "": none
	report scripttest.Report

	cover   bool
	profile string // of coverage, a file; "": none

	json io.Writer // nil: people are told
}

// find returns the files of tests; there is at least one.
func (t *testRun) find() (files []string, err error) {
	for _, path := range t.paths {
		found, err := scripttest.Find(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no files named *_test.lua in %s", filepath.Join(t.paths...))
	}
	return files, nil
}

// run runs files once.
func (t *testRun) run(ctx context.Context, files []string) (int, error) {
	results := t.files(ctx, files)
	if t.junit != "" {
		if err := scripttest.WriteJUnit(t.junit, results); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
	}
	covered, err := t.coverage()
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	total := t.report.Total(results)
	if t.json != nil && total.Passed+total.Failed+total.Skipped > 0 && ctx.Err() == nil {
		if err := printJSON(t.json, t.report.JSON(results, covered)); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
	}
	switch {
	case ctx.Err() != nil:
		return caddy.ExitCodeFailedStartup, errors.New("interrupted")
	case total.Failed > 0:
		return caddy.ExitCodeFailedStartup, errTestsFailed
	case total.Passed == 0 && total.Skipped == 0:
		return exitUsage, errors.New("no test has run")
	}
	return caddy.ExitCodeSuccess, nil
}

func (t *testRun) files(ctx context.Context, files []string) (results []scripttest.FileResult) {
	if t.cover {
		t.runner.Coverage = &coverage.Report{}
	}
	for _, file := range files {
		if ctx.Err() != nil {
			break
		}
		r := t.runner.File(ctx, file)
		t.report.File(r)
		results = append(results, r)
	}
	return results
}

// coverage reports what of the scripts has run, if that is wanted, and returns it.
func (t *testRun) coverage() ([]*coverage.File, error) {
	if !t.cover {
		return nil, nil
	}
	files := t.runner.Coverage.Files()
	t.report.Coverage(files)
	if t.profile == "" {
		return files, nil
	}
	return files, scripttest.WriteLCOV(t.profile, files)
}
