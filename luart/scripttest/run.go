package scripttest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/coverage"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/scripterror"
	"github.com/caddy-rover/rover/luart/types"
)

// suffix of files of tests.
const suffix = "_test.lua"

// Find returns the files of tests at a path: the file itself, or those below the folder, but
// for files and folders that begin with a dot, node_modules, and for definitions for editors.
func Find(path string) (files []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && p != path && (strings.HasPrefix(name, ".") || name == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, suffix) && !strings.HasPrefix(name, "."): // an editor's own
			source, err := module.ReadScript(p)
			if err == nil && types.IsDefinitions(source) {
				return nil // rover_test.lua of caddy rover types
			}
			files = append(files, p) // one that cannot be read says so
		}
		return nil
	})
	return files, err
}

// Runner runs files of tests. Not safe for concurrent use.
type Runner struct {
	Open    Opener
	Run     *regexp.Regexp // only tests whose name matches; nil: all
	Timeout time.Duration  // of the system's time, of each test

	Seed uint64 // of what is random in tests and scripts

	Coverage *coverage.Report // told what of scripts tests run; nil: nobody wants to know

	Libraries []*lib.Library // that the files of tests have; what scripts have Open says
}

// endPatience is how long a test may take to end once it must: a VM that stops gives what waits 5
// seconds, and another 2 to clean up. A test that takes longer hangs where no Lua runs, and is left
// behind.
const endPatience = 15 * time.Second

// FileResult is how the tests of a file have ended.
type FileResult struct {
	Path  string
	Err   *Failure // the file itself does not load
	Tests []Result
	Took  time.Duration

	Output []string // of a file that does not load, and its script

	// Files are those that it depends on, absolute.
	Files []string
}

// Result is how one test has ended.
type Result struct {
	Name    string
	Skipped bool
	Failure *Failure // nil: it has passed, or was skipped
	Took    time.Duration
	Output  []string // what it and its script have printed and logged
}

// Failure is why a test has failed.
type Failure struct {
	Message string // the first line says where, if it is known
	Details string // lines of source, a hint, the traceback; each begins with a line break
}

// Failed reports whether a test, or the file, has failed.
func (r FileResult) Failed() bool {
	return r.Err != nil || slices.ContainsFunc(r.Tests, func(t Result) bool { return t.Failure != nil })
}

// file is a file of tests under way.
type file struct {
	path     string // absolute
	source   []byte
	script   string
	timeout  time.Duration
	patience time.Duration
	seed     uint64
	coverage *coverage.Report
	open     Opener
	libs     []*lib.Library

	mu   sync.Mutex // guards the rest
	deps map[string]bool
}

func (f *file) dependsOn(files map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.Copy(f.deps, files)
}

// File runs the tests of a file.
func (r *Runner) File(ctx context.Context, path string) (result FileResult) {
	began := time.Now()
	result.Path = path
	f := &file{
		timeout: r.Timeout, patience: endPatience,
		seed: r.Seed, coverage: r.Coverage, open: r.Open, libs: r.Libraries, deps: map[string]bool{},
	}
	defer func() {
		result.Took = time.Since(began)
		f.mu.Lock()
		defer f.mu.Unlock()
		result.Files = slices.Sorted(maps.Keys(f.deps))
	}()
	var err error
	if f.path, err = filepath.Abs(path); err == nil {
		f.dependsOn(map[string]bool{f.path: true})
		f.source, err = module.ReadScript(f.path)
	}
	if err != nil {
		result.Err = &Failure{Message: err.Error()}
		return result
	}
	f.script = strings.TrimSuffix(f.path, suffix) + ".lua"
	f.dependsOn(map[string]bool{f.script: true})
	out := &output{}
	tests, failure := bounded(f, func() ([]listed, *Failure) { return f.list(ctx, out) })
	if failure != nil {
		result.Err, result.Output = failure, out.all()
		return result
	}
	only := slices.ContainsFunc(tests, func(t listed) bool { return t.how == "only" })
	for i, t := range tests {
		if r.Run != nil && !r.Run.MatchString(t.name) {
			continue
		}
		if t.how == "skip" || only && t.how != "only" {
			result.Tests = append(result.Tests, Result{Name: t.name, Skipped: true})
			continue
		}
		began, out := time.Now(), &output{}
		_, failure := bounded(f, func() (struct{}, *Failure) { return struct{}{}, f.run(ctx, i+1, out) })
		result.Tests = append(result.Tests, Result{Name: t.name, Failure: failure, Took: time.Since(began), Output: out.all()})
		if ctx.Err() != nil {
			break
		}
	}
	return result
}

// bounded takes a step of a file of tests, and leaves it behind when it does not end long after it
// should have.
func bounded[T any](f *file, step func() (T, *Failure)) (T, *Failure) {
	type result struct {
		value   T
		failure *Failure
	}
	done := make(chan result, 1) // what is left behind may end
	go func() {
		value, failure := step()
		done <- result{value, failure}
	}()
	limit := time.NewTimer(f.timeout + f.patience)
	defer limit.Stop()
	select {
	case r := <-done:
		return r.value, r.failure
	case <-limit.C:
		var none T
		return none, &Failure{Message: fmt.Sprintf("the test took too long: %v, and did not end %v after that", f.timeout, f.patience)}
	}
}

// listed is a test that a file has.
type listed struct{ name, how string }

// list loads the file and returns its tests.
func (f *file) list(ctx context.Context, out *output) (tests []listed, failure *Failure) {
	e, done := f.begin(ctx, out)
	defer done()
	if e.err != nil {
		return nil, e.failure(e.err)
	}
	results, err := e.gen.Call(e.ctx, "list")
	if err != nil {
		return nil, e.failure(err)
	}
	list, _ := results[0].([]any)
	for _, item := range list {
		t, _ := item.(map[string]any)
		name, _ := t["name"].(string)
		how, _ := t["how"].(string)
		tests = append(tests, listed{name, how})
	}
	if len(tests) == 0 {
		return nil, &Failure{Message: filepath.Base(f.path) + `: no tests: test("name", function() … end) is missing`}
	}
	if err := e.open(nil); err != nil { // once, not for each test
		return nil, e.failure(err)
	}
	return tests, nil
}

// run runs one test in a world of its own. Tests count from 1.
func (f *file) run(ctx context.Context, n int, out *output) (failure *Failure) {
	e, done := f.begin(ctx, out)
	defer done()
	if e.err == nil {
		e.err = e.open(f.coverage)
	}
	if e.err == nil {
		e.gen.Start(e.ctx)
		_, e.err = e.gen.Call(e.ctx, "run", n)
	}
	e.mu.Lock()
	if e.failed != nil { // it comes first, and the script may have hidden it
		e.err = e.failed
	}
	e.mu.Unlock()
	if e.err == nil {
		for _, l := range e.own.All() {
			if l.Level >= zapcore.ErrorLevel {
				e.err = errors.New(l.Message + ": " + fmt.Sprint(l.ContextMap()["error"]))
				break
			}
		}
	}
	if e.err == nil && e.ctx.Err() != nil {
		e.err = context.Cause(e.ctx)
	}
	if e.err != nil {
		return e.failure(e.err)
	}
	return nil
}

// world is an env and why it is not ready.
type world struct {
	*env
	err error
}

func (f *file) begin(ctx context.Context, out *output) (w *world, done func()) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, errTooLong)
	e, err := newEnv(ctx, f, out)
	return &world{e, err}, func() {
		e.close()
		cancel()
		e.mu.Lock()
		defer e.mu.Unlock()
		f.dependsOn(e.files)
	}
}

// failure says why a test has failed.
func (e *env) failure(err error) *Failure {
	f := &Failure{Message: err.Error(), Details: scripterror.Details(err)}
	f.Message = strings.TrimSuffix(f.Message, f.Details) // an error of loading has them already
	var script *luart.ScriptError
	if rest, ours := withoutPlace(f.Message); ours && errors.As(err, &script) && script.About() != nil {
		f.Message = script.About().Position() + ": " + rest // the line of the user's that called us
	}
	if cause := context.Cause(e.ctx); cause != nil {
		why := cause.Error()
		if errors.Is(cause, errTooLong) {
			why = fmt.Sprintf("%s: %v", errTooLong, e.f.timeout)
			e.mu.Lock()
			if e.endless != "" {
				why += ": the response to " + e.endless + " did not end: read some of it, with { events = n } or { stream = true }"
			}
			e.mu.Unlock()
		}
		said := false
		for _, told := range []string{"the client closed the request", "the script ran longer than burst without waiting"} {
			said = said || strings.Contains(f.Message, told)
			f.Message = strings.ReplaceAll(f.Message, told, why)
		}
		if !said && !strings.Contains(f.Message, why) {
			f.Message = why + ": " + f.Message
		}
	}
	f.Details = narrow(f.Details)
	if head, frames, ok := strings.Cut(f.Details, "\nstack traceback:"); ok && strings.Count(frames, "\n") <= 1 {
		f.Details = head // it says no more than the message
	}
	return f
}

// withoutPlace reports whether a message begins with a line of the prelude, and returns what follows.
func withoutPlace(message string) (rest string, ours bool) {
	place, rest, _ := strings.Cut(message, ": ")
	_, ours = strings.CutPrefix(place, preludeName+":")
	return rest, ours
}

// excerptLine is a line of source around an error, or the caret below one.
var excerptLine = regexp.MustCompile(`^[> ] +(\d+)? \|`)

// narrow leaves what a person wants of the details of an error: two lines of source before
// and after the one that is marked, and of the traceback what is not ours.
func narrow(details string) string {
	lines := strings.Split(details, "\n")
	marked := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "> ") })
	var kept []string
	for i, line := range lines {
		switch {
		case marked >= 0 && excerptLine.MatchString(line) && (i < marked-2 || i > marked+3):
		case strings.HasPrefix(strings.TrimSpace(line), preludeName+":"), strings.Contains(line, "[G]: in function"):
		default:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func tlsState(host string) *tls.ConnectionState {
	return &tls.ConnectionState{
		Version: tls.VersionTLS13, HandshakeComplete: true, CipherSuite: tls.TLS_AES_128_GCM_SHA256,
		ServerName: host, NegotiatedProtocol: "http/1.1",
	}
}
