package scripts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/persist"
)

// fakeStorage is a storage in memory that can be away.
type fakeStorage struct {
	mu     sync.Mutex
	keys   map[string][]byte
	away   error
	loads  int
	stored chan string // keys, as they come
	hangs  chan string // keys of calls that do not return before hang is closed
	hang   chan struct{}
}

func newStorage() *fakeStorage {
	return &fakeStorage{keys: map[string][]byte{}, stored: make(chan string, 1000)}
}

// stuck waits until the storage answers.
func (s *fakeStorage) stuck(key string) {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		s.hangs <- key
		<-hang
	}
}

func (s *fakeStorage) Store(_ context.Context, key string, value []byte) error {
	s.stuck(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		return s.away
	}
	s.keys[key] = slices.Clone(value)
	s.stored <- key
	return nil
}

func (s *fakeStorage) Load(_ context.Context, key string) ([]byte, error) {
	s.stuck(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	if s.away != nil {
		return nil, s.away
	}
	data, ok := s.keys[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(data), nil
}

// set changes the storage; away is why it does not answer.
func (s *fakeStorage) set(away error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *fakeStorage) value(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.keys[key])
}

func (s *fakeStorage) list() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.keys {
		keys = append(keys, filepath.Base(key))
	}
	slices.Sort(keys)
	return keys
}

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

// What a VM has counted until its end the next one goes on with.
func TestPersistAtEnd(t *testing.T) {
	noLeaks(t)
	storage, path := newStorage(), countingScript(t)
	for life := range 4 {
		h := persisting(path, 0)
		c := start(t, storage, h)
		expect(t, h, "/", fmt.Sprint(4*life+1))
		expect(t, h, "/", fmt.Sprint(4*life+2))
		c.group.Stop()
		expect(t, h, "/", fmt.Sprint(4*life+3)) // Caddy may stop the servers after the scripts
		expect(t, h, "/", fmt.Sprint(4*life+4))
		c.end()
		if n := len(c.logged("rover.state restored")); n != min(life, 1) {
			t.Errorf("life %d: restored %d times", life, n)
		}
	}
	if got := storage.list(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the storage has %q", got)
	}
}

// While a VM runs it is saved now and then, if something has changed.
func TestPersistInterval(t *testing.T) {
	noLeaks(t)
	storage, path := newStorage(), countingScript(t)
	h := persisting(path, 100*time.Millisecond)
	c := start(t, storage, h)
	<-storage.stored // the state that the script began with
	expect(t, h, "/", "1")
	<-storage.stored
	p := c.group.sets[0]
	unchanged := func() uint64 { return p.Status().Persist.Writes.Unchanged }
	before := unchanged()
	await(func() bool { return unchanged() >= before+2 })
	s := p.Status().Persist
	if s.Interval != "100ms" || s.MaxSize != 4096 || s.Saved == nil || s.Bytes < 10 || s.Hold <= 0 || s.Writes.Written != 2 ||
		s.LastError != nil || s.Folder != persist.Folder(path) || s.Restored != nil {
		t.Errorf("%+v", s)
	}

	// The process is gone: nothing of it is ended.
	crashed := newStorage()
	storage.mu.Lock()
	for key, data := range storage.keys {
		crashed.keys[key] = data
	}
	storage.mu.Unlock()
	c.end()
	next := persisting(path, 0)
	start(t, crashed, next)
	expect(t, next, "/", "2")
}

// The state is restored for all scripts of the VM, whichever says persist.
func TestPersistOneOfSeveral(t *testing.T) {
	storage, path := newStorage(), countingScript(t)
	start(t, storage, persisting(path, 0)).end()
	other := script(t, filepath.Join(t.TempDir(), "other.lua"), `
		local api = rover.server {}
		local s = rover.state("s", { n = 100 })
		function api.get() s.n = s.n + 1 return "other " .. s.n end
		return api`)
	for life := range 2 {
		first, second, third := newScript(other, path), persisting(path, 0), persisting(path, 0)
		c := start(t, storage, first, second, third)
		expect(t, first, "/", fmt.Sprint("other ", 2*life+1))
		expect(t, second, "/", fmt.Sprint(2*life+2))
		c.end()
	}

	a, b := persisting(path, 0), persisting(path, time.Minute)
	want := fmt.Sprintf("persist of VM %q: the directive of script %q says 0s and max_size 4096, that of script %q says 1m0s and max_size 4096", path, path, path)
	if err := prepare(t, storage, a, b).provision(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

// A config that is not started writes nothing, and does not mind a storage that is away.
func TestPersistValidate(t *testing.T) {
	noLeaks(t)
	storage, path := newStorage(), countingScript(t)
	storage.keys[persist.Folder(path)+"/a"] = []byte("unreadable")
	for _, away := range []error{nil, errors.New("unplugged")} {
		storage.set(away)
		c := prepare(t, storage, persisting(path, 100*time.Millisecond))
		if err := c.provision(); err != nil {
			t.Errorf("%v with a storage that is away: %v", err, away)
		}
		c.end()
	}
	storage.set(nil)
	if len(storage.stored) > 0 || storage.loads == 0 || !slices.Equal(storage.list(), []string{"a"}) {
		t.Errorf("stored %d times, loaded %d times, %q", len(storage.stored), storage.loads, storage.list())
	}
}

// What cannot be read is set aside, and told of; the snapshot before it is restored.
func TestPersistUnreadable(t *testing.T) {
	storage, path := newStorage(), countingScript(t)
	for range 2 { // so that there are two
		h := persisting(path, 0)
		c := start(t, storage, h)
		get(t, h, "/")
		c.end()
	}
	newest := persist.Folder(path) + "/b"
	storage.keys[newest] = storage.keys[newest][:40]
	h := persisting(path, 0)
	c := start(t, storage, h)
	expect(t, h, "/", "2")
	c.end()
	keys := storage.list()
	if len(keys) != 3 || !strings.HasPrefix(keys[2], "unreadable-") {
		t.Fatalf("the storage has %q", keys)
	}
	lines := c.logged("was not restored, and has been set aside")
	if len(lines) != 1 || lines[0].Level != zap.ErrorLevel || lines[0].ContextMap()["snapshot"] != newest ||
		lines[0].ContextMap()["kept_as"] != persist.Folder(path)+"/"+keys[2] || !strings.Contains(lines[0].ContextMap()["error"].(string), "cut off") {
		t.Errorf("%+v", lines)
	}
	if got := c.group.sets[0].Status().Persist.SetAside; !slices.Equal(got, []string{persist.Folder(path) + "/" + keys[2]}) {
		t.Errorf("set aside: %q", got)
	}
	h = persisting(path, 0)
	c = start(t, storage, h)
	expect(t, h, "/", "3")
	if len(c.logged("set aside")) > 0 {
		t.Error("it was set aside again")
	}
}

// A storage that is away at the start: the VM begins empty, and nothing is written over
// what is there.
func TestPersistStorageAway(t *testing.T) {
	noLeaks(t)
	storage, path := newStorage(), countingScript(t)
	h := persisting(path, 0)
	c := start(t, storage, h)
	expect(t, h, "/", "1")
	c.end()
	for len(storage.stored) > 0 {
		<-storage.stored
	}
	before := storage.value(persist.Folder(path) + "/a")

	storage.set(errors.New("unplugged"))
	h = persisting(path, 100*time.Millisecond)
	c = start(t, storage, h)
	expect(t, h, "/", "1")
	expect(t, h, "/", "2")
	p := c.group.sets[0]
	await(func() bool { return p.Status().Persist.Writes.Failed >= 3 })
	if s := p.Status().Persist; !strings.Contains(s.LastError.Message, `/a" from the storage: unplugged`) || s.Writes.Written != 0 {
		t.Errorf("%+v", s)
	}
	if a, b := len(c.logged("the storage cannot be read: rover.state begins empty")), len(c.logged("rover.state was not saved")); a != 1 || b != 1 {
		t.Errorf("logged %d and %d times", a, b)
	}
	storage.set(nil)
	aside := <-storage.stored
	if !strings.Contains(aside, "/not-restored-") || storage.value(aside) != before {
		t.Errorf("%q came first", aside)
	}
	<-storage.stored
	await(func() bool { return p.Status().Persist.LastError == nil })
	c.end()
	h = persisting(path, 0)
	start(t, storage, h)
	expect(t, h, "/", "3")
}

// A storage that fails later: the error is told of, and it is tried again.
func TestPersistStorageFails(t *testing.T) {
	storage, path := newStorage(), countingScript(t)
	h := persisting(path, 100*time.Millisecond)
	c := start(t, storage, h)
	<-storage.stored
	storage.set(errors.New("disk full"))
	expect(t, h, "/", "1")
	p := c.group.sets[0]
	await(func() bool { return p.Status().Persist.Writes.Failed >= 2 })
	storage.set(nil)
	<-storage.stored
	await(func() bool { return p.Status().Persist.LastError == nil })
	storage.set(errors.New("gone for good"))
	expect(t, h, "/", "2")
	c.end()
	last := c.logged("rover.state was not saved")
	if n := len(last); n < 3 || !strings.Contains(last[n-1].ContextMap()["error"].(string), "gone for good") {
		t.Errorf("%+v", last)
	}
}

// A storage that does not answer any more, whatever its context says, does not hold up the stop.
func TestPersistStorageHangs(t *testing.T) {
	noLeaks(t)
	storage, path := newStorage(), countingScript(t)
	h := persisting(path, 100*time.Millisecond)
	c := start(t, storage, h)
	<-storage.stored
	hang := make(chan struct{})
	storage.mu.Lock()
	storage.hang, storage.hangs = hang, make(chan string, 100)
	storage.mu.Unlock()
	expect(t, h, "/", "1")
	<-storage.hangs // a save at an interval
	c.group.sets[0].vm.stateSaver().grace = time.Millisecond
	c.end()
	if last := c.logged("rover.state was not saved"); len(last) == 0 || !strings.Contains(last[len(last)-1].ContextMap()["error"].(string), "the storage does not answer") {
		t.Errorf("%+v", last)
	}
	storage.mu.Lock()
	storage.hang = nil
	storage.mu.Unlock()
	close(hang)
}

// Errors are logged when they are news, and few of them where each one is another.
func TestComplaints(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	now := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	saver := &stateSaver{vm: &VM{Name: "shop"}, logger: zap.New(core), now: func() time.Time { return now }}
	fail := func(text string, loud bool) { saver.complain("not saved", errors.New(text), loud, nil) }
	logged := func(want int) {
		t.Helper()
		if got := len(logs.TakeAll()); got != want {
			t.Errorf("logged %d times, want %d", got, want)
		}
	}
	for i := range 50 { // the same one
		fail("disk full", false)
		if now = now.Add(10 * time.Second); i == 0 {
			logged(1)
		}
	}
	logged(0)
	for i := range 1000 { // another one each time: for 10,000 s, or 17 times 10 minutes
		fail(fmt.Sprint("request ", i, " has failed"), false)
		now = now.Add(10 * time.Second)
	}
	if n := len(logs.TakeAll()); n < maxComplaints || n > 18*maxComplaints {
		t.Errorf("logged %d times", n)
	}
	now = now.Add(againAfter)
	for range 100 { // it goes well in between
		fail("timeout", false)
		saver.update(func(s *PersistStatus) { s.LastError = nil })
		now = now.Add(time.Second)
	}
	if list := logs.TakeAll(); len(list) != maxComplaints || list[maxComplaints-1].ContextMap()["hint"] == nil || list[0].ContextMap()["hint"] != nil {
		t.Errorf("logged %+v", list)
	}
	fail("timeout", true) // at the end
	logged(1)
	now = now.Add(againAfter)
	fail("timeout", false)
	logged(1)
	if got := saver.status.LastError; !got.At.Equal(now) || got.Message != "timeout" {
		t.Errorf("status %+v", got)
	}
}

// Past max_size the last snapshot stays, and the largest tables are named.
func TestPersistTooLarge(t *testing.T) {
	storage, path := newStorage(), countingScript(t)
	h := persisting(path, 100*time.Millisecond)
	c := start(t, storage, h)
	<-storage.stored
	expect(t, h, "/", "1")
	<-storage.stored
	expect(t, h, "/big", "big")
	expect(t, h, "/", "2")
	p := c.group.sets[0]
	await(func() bool { return p.Status().Persist.Writes.TooLarge > 0 })
	lines := c.logged("rover.state is too large and was not saved: the last snapshot stays")
	if len(lines) != 1 || lines[0].Level != zap.ErrorLevel || lines[0].ContextMap()["error"] != "it takes more than max_size, 4096 bytes" {
		t.Fatalf("%+v", lines)
	}
	if largest := fmt.Sprint(lines[0].ContextMap()["largest"]); !strings.HasPrefix(largest, `["big": 1 entries, some `) || !strings.Contains(largest, `"s": `) {
		t.Errorf("%s", largest)
	}
	if s := p.Status().Persist; s.Writes.Written != 2 || s.LastError == nil {
		t.Errorf("%+v", s)
	}
	unchanged := p.Status().Persist.Writes.Unchanged
	await(func() bool { return p.Status().Persist.Writes.Unchanged >= unchanged+2 }) // not looked at again
	if s := p.Status().Persist; s.Writes.TooLarge > 2 || s.LastError == nil {
		t.Errorf("%+v", s)
	}
	expect(t, h, "/small", "small")
	<-storage.stored
	c.end()
	h = persisting(path, 0)
	start(t, storage, h)
	expect(t, h, "/", "3")
}

// What is no plain data is named once, as long as it is there.
func TestPersistLeftOut(t *testing.T) {
	storage, path := newStorage(), countingScript(t)
	h := persisting(path, 100*time.Millisecond)
	c := start(t, storage, h)
	<-storage.stored
	expect(t, h, "/f", "f")
	for n := range 3 {
		expect(t, h, "/", fmt.Sprint(n+1))
		<-storage.stored
	}
	c.end()
	lines := c.logged("is no plain data and is not saved")
	if len(lines) != 1 || fmt.Sprint(lines[0].ContextMap()["left_out"]) != `[rover.state "s"[1]: a function is not saved]` {
		t.Errorf("%+v", lines)
	}
}

// Configs that come and go: the one that has taken over last says how, and whether, the
// running VM is saved. None of them restores anything over what is there.
func TestPersistAcrossConfigs(t *testing.T) {
	noLeaks(t)
	storage, path := newStorage(), countingScript(t)
	first := start(t, storage, newScript(path, ""))
	expect(t, first.scripts[0], "/", "1")
	if first.group.sets[0].Status().Persist != nil {
		t.Error("a status of what is not saved")
	}

	// Persist is added to a VM that runs, with a snapshot of another process in the storage.
	elsewhere := persisting(path, 0)
	elsewhere.name = "elsewhere"
	foreign := start(t, storage, elsewhere)
	foreign.end()
	storage.keys[persist.Folder(path)+"/a"] = storage.keys[persist.Folder("elsewhere")+"/a"]
	delete(storage.keys, persist.Folder("elsewhere")+"/a")
	<-storage.stored
	second := start(t, storage, persisting(path, 100*time.Millisecond))
	first.end()
	if aside := <-storage.stored; !strings.Contains(aside, "/not-restored-") {
		t.Errorf("%q came first", aside)
	}
	<-storage.stored
	if lines := second.logged("set aside"); len(lines) != 1 || lines[0].Level != zap.WarnLevel {
		t.Errorf("%+v", lines)
	}
	expect(t, second.scripts[0], "/", "2")
	<-storage.stored

	// The next one has another storage, and is refused after it has begun: the one before
	// goes on.
	refused := newStorage()
	third := start(t, refused, persisting(path, 100*time.Millisecond))
	<-refused.stored
	third.end()
	for len(refused.stored) > 0 {
		<-refused.stored
	}
	expect(t, second.scripts[0], "/", "3")
	<-storage.stored
	if len(refused.stored) > 0 {
		t.Error("the storage of a config that was refused is used")
	}

	// Reloads do not set aside what the VM has saved itself.
	fourth := start(t, storage, persisting(path, 100*time.Millisecond))
	second.end()
	expect(t, fourth.scripts[0], "/", "4")
	<-storage.stored
	if len(fourth.logged("set aside")) > 0 {
		t.Errorf("%+v", fourth.logged("set aside"))
	}

	// Without persist the state is saved once more, and then no more.
	expect(t, fourth.scripts[0], "/", "5")
	fifth := start(t, storage, newScript(path, ""))
	fourth.end()
	for len(storage.stored) > 0 {
		<-storage.stored
	}
	expect(t, fifth.scripts[0], "/", "6")
	fifth.end()
	if len(storage.stored) > 0 {
		t.Error("saved without persist")
	}
	sixth := start(t, storage, persisting(path, 0))
	expect(t, sixth.scripts[0], "/", "6")
}
