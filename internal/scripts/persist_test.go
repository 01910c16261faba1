package scripts

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/persist"
)

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
	storage.keys[persist.Folder("state", path)+"/a"] = []byte("unreadable")
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
	newest := persist.Folder("state", path) + "/b"
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
		lines[0].ContextMap()["kept_as"] != persist.Folder("state", path)+"/"+keys[2] || !strings.Contains(lines[0].ContextMap()["error"].(string), "cut off") {
		t.Errorf("%+v", lines)
	}
	if got := c.group.sets[0].Status(t.Context()).Persist.SetAside; !slices.Equal(got, []string{persist.Folder("state", path) + "/" + keys[2]}) {
		t.Errorf("set aside: %q", got)
	}
	h = persisting(path, 0)
	c = start(t, storage, h)
	expect(t, h, "/", "3")
	if len(c.logged("set aside")) > 0 {
		t.Error("it was set aside again")
	}
}

// Configs that come and go: the one that has taken over last says how, and whether, the
// running VM is saved. None of them restores anything over what is there.
func TestPersistAcrossConfigs(t *testing.T) {
	noLeaks(t)
	storage, path := newStorage(), countingScript(t)
	first := start(t, storage, newScript(path, ""))
	expect(t, first.scripts[0], "/", "1")
	if first.group.sets[0].Status(t.Context()).Persist != nil {
		t.Error("a status of what is not saved")
	}

	// Persist is added to a VM that runs, with a snapshot of another process in the storage.
	elsewhere := persisting(path, 0)
	elsewhere.name = "elsewhere"
	foreign := start(t, storage, elsewhere)
	foreign.end()
	storage.keys[persist.Folder("state", path)+"/a"] = storage.keys[persist.Folder("state", "elsewhere")+"/a"]
	delete(storage.keys, persist.Folder("state", "elsewhere")+"/a")
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
