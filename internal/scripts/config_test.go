package scripts

import (
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/persist"
)

// noLeaks fails the test if it leaves a goroutine behind.
func noLeaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// config is a running config with its scripts.
type config struct {
	t       testing.TB
	group   *Group
	scripts []*served
	logs    *observer.ObservedLogs
	ended   bool
}

func (c *config) provision() error {
	for _, s := range c.scripts {
		if err := s.provision(c.group); err != nil {
			return err
		}
	}
	return nil
}

// end stops the config as Caddy does.
func (c *config) end() {
	c.t.Helper()
	if c.ended {
		return
	}
	c.ended = true
	c.group.Stop()
	for _, s := range c.scripts {
		s.cleanup(c.t)
	}
	c.group.Cleanup()
}

// logged returns the lines with a message.
func (c *config) logged(message string) []observer.LoggedEntry {
	return c.logs.FilterMessageSnippet(message).All()
}

// start provisions and starts a config.
func start(t testing.TB, storage persist.Storage, scripts ...*served) *config {
	t.Helper()
	c := prepare(t, storage, scripts...)
	if err := c.provision(); err != nil {
		t.Fatal(err)
	}
	if err := c.group.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func prepare(t testing.TB, storage persist.Storage, scripts ...*served) *config {
	core, logs := observer.New(zap.DebugLevel)
	c := &config{t: t, group: NewGroup(Options{Logger: zap.New(core), Storage: storage}), scripts: scripts, logs: logs}
	t.Cleanup(c.end)
	return c
}

// counting is a script that counts requests in rover.state.
const counting = `
	local api = rover.server {}
	local s = rover.state("s", { n = 0 })
	function api.get() s.n = s.n + 1 return tostring(s.n) end
	function api.f.get() s[1] = print return "f" end
	function api.big.get() rover.state("big").text = ("x"):rep(5000) return "big" end
	function api.small.get() rover.state("big").text = nil return "small" end
	return api`

// persisting returns a script whose state is saved; interval 0: at the end.
func persisting(path string, interval time.Duration) *served {
	s := newScript(path, "")
	s.Persist = &Persist{Interval: interval, MaxSize: 4096}
	return s
}

func countingScript(t testing.TB) string {
	return script(t, filepath.Join(t.TempDir(), "app.lua"), counting)
}

func expect(t testing.TB, h *served, path, want string) {
	t.Helper()
	if got := get(t, h, path); got != want {
		t.Errorf("%s: got %q, want %q", path, got, want)
	}
}

// await returns when something has come true. The test's own time limit ends it.
func await(done func() bool) {
	for !done() {
		runtime.Gosched()
	}
}
