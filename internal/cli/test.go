package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/handler"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/scripttest"
)

// testTimeout is how long a test may take: its clock stands still, so one that takes a
// second hangs, or the machine does.
const testTimeout = 10 * time.Second

// testCommand makes caddy rover test.
func testCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [<folder> | <file_test.lua>...] [--run <regexp>] [--timeout <duration>] [--junit <file>] [--watch] [--verbose]",
		Short: "Runs the tests of scripts: files named *_test.lua",
		Long: `Runs the tests in files named *_test.lua, those below the current folder if none is given.
app_test.lua tests app.lua beside it, with the options of the rover directive that names
it in a Caddyfile beside it, if there is one. Each test has a script of its own that really
runs; the clock stands still, and there is no network but what the test makes up.

Exit code 1: a test has failed. 2: there is none, or the arguments are wrong.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := runTests(cmd.Context(), args, caddycmd.Flags{FlagSet: cmd.Flags()})
			return failWith(cmd, code, err)
		},
	}
	flags := cmd.Flags()
	flags.String("run", "", "Run only tests whose name matches")
	flags.Duration("timeout", testTimeout, "How long a test may take, by the real clock")
	flags.String("junit", "", "Also write the results to this file, as JUnit XML")
	flags.BoolP("watch", "w", false, "Run the tests again whose files change, until Ctrl-C")
	flags.BoolP("verbose", "v", false, "Print the tests that have passed, too")
	return cmd
}

var errTestsFailed = errors.New("tests have failed")

// runTests runs the tests that arguments and flags name. It returns the exit code, and an
// error to print with it.
func runTests(ctx context.Context, args []string, fl caddycmd.Flags) (int, error) {
	runner := &scripttest.Runner{Timeout: fl.Duration("timeout"), Open: (&scriptConfigs{}).open, Libraries: all.Libraries()}
	if runner.Timeout <= 0 {
		return exitUsage, errors.New("--timeout: a duration above 0 expected")
	}
	if expr := fl.String("run"); expr != "" {
		var err error
		if runner.Run, err = regexp.Compile(expr); err != nil {
			return exitUsage, fmt.Errorf("--run: %w", err)
		}
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	t := &testRun{runner: runner, paths: args, junit: fl.String("junit"), report: scripttest.Report{W: os.Stdout, Verbose: fl.Bool("verbose")}}
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
	total := t.report.Total(results)
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

// scriptConfigs finds the configuration of scripts, in the Caddyfiles beside them. Not safe
// for concurrent use.
type scriptConfigs struct {
	path    string // of the last one that was adapted
	body    []byte
	adapted any
}

// open is a scripttest.Opener.
func (c *scriptConfigs) open(_ context.Context, o scripttest.Options) (scripttest.App, []string, error) {
	file := filepath.Join(filepath.Dir(o.Script), "Caddyfile")
	files := []string{o.Script, file}
	config, err := c.find(file, o.Script)
	if err != nil {
		return nil, files, err
	}
	t, err := handler.OpenTest(o, config, files)
	if err != nil {
		if t != nil {
			files = t.Files()
		}
		return nil, files, err
	}
	return t, files, nil
}

// unconfigured is the configuration of a script that no Caddyfile names: it may do what does
// no harm in a test.
var unconfigured = rovercaddyfile.Config{Allow: []string{rovercaddyfile.AllowEnv, rovercaddyfile.AllowNet}}

// find returns what the first rover directive in a Caddyfile says that names a script, or
// unconfigured if there is none, or no Caddyfile.
func (c *scriptConfigs) find(file, script string) (config rovercaddyfile.Config, err error) {
	body, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return unconfigured, nil
	}
	if err != nil {
		return config, err
	}
	if c.path != file || !bytes.Equal(c.body, body) {
		adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(body, map[string]any{"filename": file})
		if err != nil {
			return config, fmt.Errorf("the Caddyfile beside the script: %w", err)
		}
		c.path, c.body, c.adapted = file, body, nil
		if err := json.Unmarshal(adapted, &c.adapted); err != nil {
			return config, err
		}
	}
	directive := findDirective(c.adapted, script)
	if directive == nil {
		return unconfigured, nil
	}
	text, err := json.Marshal(directive)
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	return config, err
}

// findDirective returns the rover handler of a script in a config, nil if there is none.
func findDirective(v any, script string) map[string]any {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if found := findDirective(item, script); found != nil {
				return found
			}
		}
	case map[string]any:
		if name, ok := v["script"].(string); ok && v["handler"] == "rover" {
			if path, err := filepath.Abs(name); err == nil && path == script {
				return v
			}
		}
		for _, item := range v {
			if found := findDirective(item, script); found != nil {
				return found
			}
		}
	}
	return nil
}
