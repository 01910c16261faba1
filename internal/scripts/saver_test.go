package scripts

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/persist"
	"github.com/caddy-rover/rover/luart/store"
)

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
	unchanged := func() uint64 { return p.Status(t.Context()).Persist.Writes.Unchanged }
	before := unchanged()
	await(func() bool { return unchanged() >= before+2 })
	s := p.Status(t.Context()).Persist
	if s.Interval != "100ms" || s.MaxSize != 4096 || s.Saved == nil || s.Bytes < 10 || s.Hold <= 0 || s.Writes.Written != 2 ||
		s.LastError != nil || s.Folder != persist.Folder("state", path) || s.Restored != nil {
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
	before := storage.value(persist.Folder("state", path) + "/a")

	storage.set(errors.New("unplugged"))
	h = persisting(path, 100*time.Millisecond)
	c = start(t, storage, h)
	expect(t, h, "/", "1")
	expect(t, h, "/", "2")
	p := c.group.sets[0]
	await(func() bool { return p.Status(t.Context()).Persist.Writes.Failed >= 3 })
	if s := p.Status(t.Context()).Persist; !strings.Contains(s.LastError.Message, `/a" from the storage: unplugged`) || s.Writes.Written != 0 {
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
	await(func() bool { return p.Status(t.Context()).Persist.LastError == nil })
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
	await(func() bool { return p.Status(t.Context()).Persist.Writes.Failed >= 2 })
	storage.set(nil)
	<-storage.stored
	await(func() bool { return p.Status(t.Context()).Persist.LastError == nil })
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
	c.group.sets[0].vm.saver(0).grace = time.Millisecond
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
	saver := &saver{of: stateSubject, vm: &VM{Name: "shop"}, logger: zap.New(core), now: func() time.Time { return now }}
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
		saver.update(func(s *SavedStatus) { s.LastError = nil })
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
	await(func() bool { return p.Status(t.Context()).Persist.Writes.TooLarge > 0 })
	lines := c.logged("rover.state is too large and was not saved: the last snapshot stays")
	if len(lines) != 1 || lines[0].Level != zap.ErrorLevel || lines[0].ContextMap()["error"] != "it takes more than max_size, 4096 bytes" {
		t.Fatalf("%+v", lines)
	}
	if largest := fmt.Sprint(lines[0].ContextMap()["largest"]); !strings.HasPrefix(largest, `["big": 1 entries, some `) || !strings.Contains(largest, `"s": `) {
		t.Errorf("%s", largest)
	}
	if s := p.Status(t.Context()).Persist; s.Writes.Written != 2 || s.LastError == nil {
		t.Errorf("%+v", s)
	}
	unchanged := p.Status(t.Context()).Persist.Writes.Unchanged
	await(func() bool { return p.Status(t.Context()).Persist.Writes.Unchanged >= unchanged+2 }) // not looked at again
	if s := p.Status(t.Context()).Persist; s.Writes.TooLarge > 2 || s.LastError == nil {
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

// Each change of the store is saved at the next interval, also the second one and a last one.
func TestPersistStoreInterval(t *testing.T) {
	noLeaks(t)
	storage, path := newStorage(), countingScript(t)
	h := persisting(path, 100*time.Millisecond)
	c := start(t, storage, h)
	kept, answers := h.vm.Memories()
	for i, m := range []*store.Memory{kept, answers} {
		kind := subjects[i+1].kind
		for n := range 6 {
			value := fmt.Sprint(kind, " ", n)
			_, err := m.Delete(t.Context(), "k")
			if n%3 != 2 {
				_, _, err = m.Set(t.Context(), "k", []byte(value), store.Forever, store.Always)
			}
			if err != nil {
				t.Fatal(err)
			}
			for key := ""; !strings.HasPrefix(key, persist.Folder(kind, path)); {
				key = <-storage.stored
				if data := storage.value(key); strings.HasPrefix(key, persist.Folder(kind, path)) && strings.Contains(data, value) == (n%3 == 2) {
					t.Errorf("%s has %q, which has %q in it: %v", key, data, value, n%3 == 2)
				}
			}
		}
	}
	c.end()
}
