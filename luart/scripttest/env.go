package scripttest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/diff"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/coverage"
	"github.com/caddy-rover/rover/luart/geo"
)

//go:embed prelude.lua
var prelude []byte

// preludeName is what tracebacks would call the prelude.
const preludeName = "rover.test"

// start is when every test begins: with 2026.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	errTooLong = errors.New("the test took too long")
	errStuck   = errors.New("the test waits for what never happens: all wait, and nothing is due")
)

// env is the world of one test: a clock, the VM of the file of tests, and the script.
type env struct {
	f      *file
	ctx    context.Context
	cancel context.CancelCauseFunc
	clock  *clock.Clock
	vm     *luart.VM
	gen    *luart.Generation
	logs   *observer.ObservedLogs // of the script
	own    *observer.ObservedLogs // of the file of tests
	output *output                // of both

	script   string
	settings Settings
	app      App // nil: no test runs

	streaming sync.WaitGroup // handlers of streams

	mu      sync.Mutex // guards the rest
	streams []*client
	endless string // a request whose response did not end; "": none
	failed  error  // in a fake upstream; the first one
	files   map[string]bool
}

// newEnv loads a file of tests. The caller must close what it returns, also with an error.
func newEnv(ctx context.Context, f *file, out *output) (*env, error) {
	e := &env{f: f, output: out, script: f.script, files: map[string]bool{}}
	e.ctx, e.cancel = context.WithCancelCause(ctx)
	e.clock = clock.New(start, func() { e.cancel(errStuck) })
	e.clock.Begin(1) // the test
	seed := ^f.seed  // not the script's: it does not draw what the test draws
	var core zapcore.Core
	core, e.own = observer.New(zap.DebugLevel)
	var err error
	if e.vm, err = luart.NewVM(luart.VMOptions{Clock: e.clock}); err != nil {
		return e, err
	}
	e.gen, err = e.vm.Load(e.ctx, luart.Script{
		Path: f.path, Source: f.source, Burst: f.timeout, MaxBody: 1 << 30, Libraries: f.libs, Seed: &seed,
		Logger: zap.New(zapcore.NewTee(core, e.output.core(zap.WarnLevel))), // an error fails the test
		Opened: func(path string, _ []byte) { e.opened(path) },
		Tool: &luart.Tool{Name: preludeName, Prelude: prelude, Natives: map[string]luart.Native{
			"diff":    func(_ context.Context, args []any) ([]any, error) { return []any{lineDiff(args)}, nil },
			"script":  e.setScript,
			"request": e.request,
			"open":    e.openStream,
			"read":    e.readStream,
			"leave":   e.leaveStream,
			"match":   e.match,
			"choose":  e.choose,
			"permit":  e.permit,
			"certify": e.certify,
			"advance": e.advance,
			"logs":    e.readLogs,
			"state":   e.state,
		}},
	})
	return e, err
}

func (e *env) opened(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.files[path] = true
}

// open loads the script and starts it.
func (e *env) open(coverage *coverage.Report) error {
	core, logs := observer.New(zap.DebugLevel)
	e.logs = logs
	app, files, err := e.f.open(e.ctx, Options{
		Script: e.script, Settings: e.settings,
		Coverage: coverage, Seed: &e.f.seed, Clock: e.clock, Logger: zap.New(zapcore.NewTee(core, e.output.core(zap.FatalLevel))), Upstream: e.upstream,
	})
	for _, file := range files {
		e.opened(file)
	}
	if err == nil {
		e.app = app
	}
	return err
}

// close ends the test, without on_stop.
func (e *env) close() {
	if e.app != nil {
		for _, file := range e.app.Files() {
			e.opened(file)
		}
	}
	ended, end := context.WithCancel(context.Background())
	end()
	e.cancel(nil)
	if e.vm != nil {
		e.vm.Close(ended) // first: the script may be waiting for a fake upstream
	}
	if e.app != nil {
		e.app.Close()
	}
	e.streaming.Wait()
}

func lineDiff(args []any) string {
	want, _ := args[0].(string)
	got, _ := args[1].(string)
	text := string(diff.Diff("expected", []byte(want+"\n"), "got", []byte(got+"\n")))
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i > 2 && !strings.HasPrefix(line, "@@") { // the heading says nothing
			out.WriteString("  " + line + "\n")
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// setScript is rover.test.script(path, options).
func (e *env) setScript(_ context.Context, args []any) ([]any, error) {
	if e.app != nil {
		return nil, errors.New("rover.test.script belongs before the tests, not into one")
	}
	path, _ := args[0].(string)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(e.f.path), path)
	}
	e.script = path
	options, _ := args[1].(map[string]any)
	for name, v := range options {
		var ok bool
		var err error
		switch name {
		case "config":
			e.settings.Config, ok = texts(v)
		case "env":
			e.settings.Env, ok = texts(v)
		case "geo":
			if e.settings.Geo, err = places(v); err != nil {
				return nil, fmt.Errorf("option geo: %w", err)
			}
			ok = true
		case "unmatched":
			e.settings.Unmatched, ok = v.(string)
		case "allow":
			e.settings.Allow, ok = []string{}, true
			list, isList := v.([]any)
			for _, grant := range list {
				text, isText := grant.(string)
				ok = ok && isText
				e.settings.Allow = append(e.settings.Allow, text)
			}
			ok = ok && (isList || len(list) == 0)
		default:
			return nil, fmt.Errorf("unknown option %q: there are allow, config, env, geo, unmatched", name)
		}
		if !ok {
			return nil, fmt.Errorf("option %s: a table of strings (unmatched: a string) expected", name)
		}
	}
	return []any{true}, nil
}

// places returns what a table says of addresses and networks.
func places(v any) (geo.Source, error) {
	m, ok := v.(map[string]any)
	if list, isList := v.([]any); !ok && (!isList || len(list) > 0) {
		return nil, errors.New("a table of what is known, by address or network, expected")
	}
	return geo.NewRecords(m)
}

// texts returns a table of strings and numbers.
func texts(v any) (map[string]string, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	list := make(map[string]string, len(m))
	for k, v := range m {
		switch v.(type) {
		case string, float64, bool:
			list[k] = text(v)
		default:
			return nil, false
		}
	}
	return list, true
}

var errNoTest = errors.New("no test is running: call it in a test or in before_each")

// advance is rover.test.advance(seconds).
func (e *env) advance(ctx context.Context, args []any) ([]any, error) {
	seconds, _ := args[0].(float64)
	switch {
	case e.app == nil:
		return nil, errNoTest
	case !(seconds >= 0 && seconds <= 100*365*24*3600):
		return nil, fmt.Errorf("advance by %g: seconds, 0 or more, expected", seconds)
	}
	e.clock.Advance(time.Duration(seconds*float64(time.Second)), ctx.Done())
	return []any{true}, nil
}

// readLogs is rover.test.logs().
func (e *env) readLogs(context.Context, []any) ([]any, error) {
	if e.app == nil {
		return nil, errNoTest
	}
	list := []any{}
	for _, l := range e.logs.All() {
		list = append(list, map[string]any{"level": l.Level.String(), "message": l.Message, "fields": fieldsOf(l)})
	}
	return []any{list}, nil
}

// state is rover.test.state(name).
func (e *env) state(_ context.Context, args []any) ([]any, error) {
	if e.app == nil {
		return nil, errNoTest
	}
	name, _ := args[0].(string)
	state, ok, err := e.app.State(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("rover.state(%q): %w", name, err)
	case !ok:
		return []any{nil}, nil
	}
	return []any{state}, nil
}
