package persist

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
)

func checksum(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

// memory is a storage. Operation number fail, from 1, fails as how says, and with it all
// later ones, if the process is to die there.
type memory struct {
	keys map[string][]byte
	ops  int
	fail int
	how  string // clean, torn or claimed: nothing, a half or all of the value is stored
	dies bool
}

var errStorage = errors.New("storage unplugged")

func (m *memory) op() bool {
	m.ops++
	return m.fail > 0 && (m.ops == m.fail || m.dies && m.ops > m.fail)
}

func (m *memory) Store(_ context.Context, key string, value []byte) error {
	failed := m.op()
	switch {
	case failed && (m.how == "clean" || m.ops > m.fail):
		return errStorage
	case failed && m.how == "torn":
		value = value[:len(value)/2]
	}
	m.keys[key] = slices.Clone(value)
	if failed {
		return errStorage
	}
	return nil
}

func (m *memory) Load(_ context.Context, key string) ([]byte, error) {
	if m.op() {
		return nil, errStorage
	}
	data, ok := m.keys[key]
	if !ok {
		return nil, fmt.Errorf("key %q: %w", key, fs.ErrNotExist)
	}
	return slices.Clone(data), nil
}

func newMemory() *memory { return &memory{keys: map[string][]byte{}} }

var background = context.Background()

// states are those of snapshots.
func states(list []*Snapshot) (s []string) {
	for _, snap := range list {
		s = append(s, string(snap.State))
	}
	return s
}

// read reads what is in a storage, as a process that starts does.
func read(t testing.TB, m *memory) (*Slots, []string) {
	t.Helper()
	s := New(m, "state", "vm", 1)
	found, err := s.Read(background)
	if err != nil {
		t.Fatal(err)
	}
	return s, states(found)
}

func write(t testing.TB, s *Slots, state string) {
	t.Helper()
	if err := s.Write(background, "run", []byte(state)); err != nil {
		t.Fatal(err)
	}
}

func TestSlots(t *testing.T) {
	m := newMemory()
	s := New(m, "state", "vm", 1)
	if err := s.Write(background, "run", nil); !errors.Is(err, errNotRead) {
		t.Errorf("error %v before Read", err)
	}
	s, got := read(t, m)
	if len(got) != 0 || m.ops != 2 {
		t.Errorf("%q of nothing", got)
	}
	want := []string{}
	for i := range 5 {
		write(t, s, fmt.Sprint(i))
		want = append([]string{fmt.Sprint(i)}, want[:min(1, len(want))]...)
		if _, got := read(t, m); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	s, _ = read(t, m)
	write(t, s, "next process")
	if s, got = read(t, m); !slices.Equal(got, []string{"next process", "4"}) || s.Damaged() {
		t.Errorf("got %q", got)
	}
	if len(m.keys) != 2 {
		t.Errorf("keys %q", slices.Collect(maps.Keys(m.keys)))
	}
}

// A clock that has been set back does not make a newer snapshot the older one.
func TestSlotsClock(t *testing.T) {
	m := newMemory()
	future := header
	future.Sequence = believable - 1000
	m.keys[Folder("state", "vm")+"/b"] = snapshot(t, future, "from the future")
	s, _ := read(t, m)
	for _, state := range []string{"now", "and now"} {
		write(t, s, state)
		if _, got := read(t, m); got[0] != state {
			t.Errorf("got %q, want %q first", got, state)
		}
	}
}

// Two processes with one VM name: the last one that writes wins, and snapshots stay whole.
func TestSlotsTwoWriters(t *testing.T) {
	m := newMemory()
	one, _ := read(t, m)
	two, _ := read(t, m)
	for i, s := range []*Slots{one, two, two, one, two, one, one, one, two} {
		state := fmt.Sprint(i)
		write(t, s, state)
		if _, got := read(t, m); got[0] != state {
			t.Errorf("write %d: got %q", i, got)
		}
	}
}

func TestSlotsUnreadable(t *testing.T) {
	newer := header
	newer.Format = 2
	for _, test := range []struct{ name, data, want string }{
		{"empty", "", "it is no snapshot: it begins with something else"},
		{"something else", "hello", "it is no snapshot: it begins with something else"},
		{"cut off", string(snapshot(t, header, "state"))[:50], "its checksum is wrong: it has been cut off or changed"},
		{"newer", string(snapshot(t, newer, "state")), "a newer version of rover has written it (format 2; this one reads up to 1)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMemory()
			s, _ := read(t, m)
			write(t, s, "old")
			write(t, s, "new")
			m.keys[Folder("state", "vm")+"/b"] = []byte(test.data)
			ops := m.ops
			s, got := read(t, m)
			if !slices.Equal(got, []string{"old"}) || !s.Damaged() || m.ops != ops+2 {
				t.Errorf("got %q, damaged %v", got, s.Damaged())
			}
			if err := s.Write(background, "run", nil); !errors.Is(err, errNotAside) {
				t.Errorf("error %v before SetAside", err)
			}
			aside, err := s.SetAside(background)
			if err != nil || len(aside) != 1 || aside[0].From != Folder("state", "vm")+"/b" || aside[0].Reason.Error() != test.want ||
				!strings.HasPrefix(aside[0].To, Folder("state", "vm")+"/unreadable-20") || !strings.HasSuffix(aside[0].To, "Z-b") {
				t.Fatalf("%+v, %v", aside, err)
			}
			if string(m.keys[aside[0].To]) != test.data {
				t.Errorf("%q was set aside", m.keys[aside[0].To])
			}
			if aside, err := s.SetAside(background); err != nil || aside != nil {
				t.Errorf("%+v, %v again", aside, err)
			}
			write(t, s, "next")
			if s, got = read(t, m); !slices.Equal(got, []string{"next", "old"}) || s.Damaged() {
				t.Errorf("got %q, damaged %v", got, s.Damaged())
			}
		})
	}
}

// What the reader of the states refuses, or does not want, is set aside, too.
func TestSlotsReject(t *testing.T) {
	m := newMemory()
	s, _ := read(t, m)
	write(t, s, "old")
	write(t, s, "bad")
	found, err := s.Read(background)
	if err != nil {
		t.Fatal(err)
	}
	s.Reject(found[0], errors.New("byte 7"))
	s.Keep(found[1], errors.New("the VM ran already"))
	aside, err := s.SetAside(background)
	if err != nil || len(aside) != 2 || aside[0].Reason.Error() != "byte 7" || !strings.Contains(aside[1].To, "/not-restored-20") {
		t.Fatalf("%+v, %v", aside, err)
	}
	if _, state, err := decode(m.keys[aside[0].To]); err != nil || string(state) != "bad" {
		t.Errorf("%q, %v", state, err)
	}
	if !s.Damaged() {
		t.Error("not damaged")
	}
	write(t, s, "next") // over the bad one
	if _, got := read(t, m); !slices.Equal(got, []string{"next", "old"}) || s.Damaged() {
		t.Errorf("got %q, damaged %v", got, s.Damaged())
	}
}

// A storage that does not answer: nothing is known, and nothing is written.
func TestSlotsStorageDown(t *testing.T) {
	m := newMemory()
	s, _ := read(t, m)
	write(t, s, "kept")
	{
		m.ops, m.fail, m.how, m.dies = 0, 1, "clean", true
		s := New(m, "state", "vm", 1)
		if _, err := s.Read(background); !errors.Is(err, errStorage) || !strings.HasPrefix(err.Error(), `loading "rover/state/vm-`) {
			t.Errorf("error %v", err)
		}
		if err := s.Write(background, "run", nil); !errors.Is(err, errNotRead) {
			t.Errorf("error %v", err)
		}
	}
	m.fail = 0
	if _, got := read(t, m); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("got %q", got)
	}
}

// Whatever operation fails, and however, nothing gets lost: a process that starts
// afterwards finds the last state whose Write has succeeded, or a later one, and what could
// not be read is either where it was or set aside.
func TestSlotsFailures(t *testing.T) {
	const garbage = "unreadable from the beginning"
	for _, how := range []string{"clean", "torn", "claimed"} {
		for _, dies := range []bool{false, true} {
			failed := true
			for fail := 1; failed; fail++ {
				m := newMemory()
				m.keys[Folder("state", "vm")+"/a"] = []byte(garbage)
				last := -1
				// life writes until it has written state number n, or dies.
				life := func(n int) {
					s := New(m, "state", "vm", 1)
					found, err := s.Read(background)
					for err != nil && !dies {
						found, err = s.Read(background)
					}
					if err != nil {
						return
					}
					if last >= 0 && s.Broken() == nil && (len(found) == 0 || string(found[0].State) < fmt.Sprint(last)) {
						t.Fatalf("%s failure of operation %d: found %q after %d was written", how, fail, states(found), last)
					}
					for i := last + 1; i <= n; {
						_, err := s.SetAside(background)
						if err == nil {
							err = s.Write(background, "run", fmt.Append(nil, i))
						}
						switch {
						case err == nil:
							last = i
							i++
						case dies:
							return
						}
					}
				}
				m.fail, m.how, m.dies = fail, how, dies
				life(3)
				life(5) // if it died, the storage is still away
				failed = m.ops >= fail
				m.fail = 0
				life(7)
				_, got := read(t, m)
				if last != 7 || !slices.Equal(got, []string{"7", "6"}) {
					t.Errorf("%s failure of operation %d: got %q at the end", how, fail, got)
				}
				if !slices.ContainsFunc(slices.Collect(maps.Values(m.keys)), func(v []byte) bool { return string(v) == garbage }) {
					t.Errorf("%s failure of operation %d: what was unreadable is lost", how, fail)
				}
			}
		}
	}
}

func TestFolder(t *testing.T) {
	for vm, want := range map[string]string{
		"shop":                      "rover/state/shop-",
		"/srv/my app.lua":           "rover/state/srv-my-app.lua-",
		"../../etc":                 "rover/state/etc-",
		"":                          "rover/state/-",
		"löwe":                      "rover/state/l--we-",
		strings.Repeat("long", 100): "rover/state/" + strings.Repeat("long", 12) + "-",
	} {
		got := Folder("state", vm)
		if !strings.HasPrefix(got, want) || len(got) != len(want)+12 || strings.Contains(got, "..") {
			t.Errorf("%q: %q, want %q…", vm, got, want)
		}
	}
	if a, b := Folder("state", "Shop"), Folder("state", "shop"); strings.EqualFold(a, b) {
		t.Errorf("%q and %q are one on some disks", a, b)
	}
}

// badSlot is a storage one key of which can never be read: a folder, a loop of links. A folder
// cannot be written either.
type badSlot struct {
	*memory
	key    string
	folder bool
}

func (b *badSlot) Load(ctx context.Context, key string) ([]byte, error) {
	if key == b.key {
		return nil, errStorage
	}
	return b.memory.Load(ctx, key)
}

func (b *badSlot) Store(ctx context.Context, key string, value []byte) error {
	if key == b.key {
		if b.folder {
			return errStorage
		}
		b.key = "" // what was there is replaced
	}
	return b.memory.Store(ctx, key, value)
}

// One slot that cannot be read does not hide the other one, and what is written can be read.
func TestSlotsOneBroken(t *testing.T) {
	for _, name := range slotNames {
		for _, folder := range []bool{true, false} {
			m := newMemory()
			s, _ := read(t, m)
			write(t, s, "old")
			write(t, s, "new")
			bad := &badSlot{m, Folder("state", "vm") + "/" + name, folder}
			good := map[string]string{"a": "new", "b": "old"}[name]
			for i := range 3 {
				s = New(bad, "state", "vm", 1)
				found, err := s.Read(background)
				if err != nil || len(found) == 0 || string(found[0].State) != good {
					t.Fatalf("slot %s broken, folder %v, life %d: found %q, %v, want %q", name, folder, i, states(found), err, good)
				}
				if broken := s.Broken(); (broken != nil) != (folder || i == 0) {
					t.Errorf("slot %s broken, folder %v, life %d: %v", name, folder, i, broken)
				}
				for j := range 3 {
					if _, err := s.SetAside(background); err != nil {
						t.Fatal(err)
					}
					good = fmt.Sprint(i, j)
					write(t, s, good)
				}
			}
		}
	}
}

// A slot that could not be read, and then can, is set aside before it is overwritten.
func TestSlotsBrokenForAWhile(t *testing.T) {
	m := newMemory()
	s, _ := read(t, m)
	write(t, s, "old")
	write(t, s, "new")
	bad := &badSlot{m, Folder("state", "vm") + "/b", true}
	s = New(bad, "state", "vm", 1)
	if found, err := s.Read(background); err != nil || !slices.Equal(states(found), []string{"old"}) {
		t.Fatalf("%q, %v", states(found), err)
	}
	bad.key = ""
	aside, err := s.SetAside(background)
	if err != nil || len(aside) != 1 || !errors.Is(aside[0].Reason, errStorage) {
		t.Fatalf("%+v, %v", aside, err)
	}
	if _, state, err := decode(m.keys[aside[0].To]); err != nil || string(state) != "new" {
		t.Errorf("%q, %v", state, err)
	}
	write(t, s, "next")
	if _, got := read(t, m); got[0] != "next" {
		t.Errorf("got %q", got)
	}
}

// hanging is a storage that does not answer for a key, whatever its context says.
type hanging struct {
	*memory
	key  string
	hang chan struct{}
	n    chan string // told of each call that hangs
}

func (h *hanging) Store(ctx context.Context, key string, value []byte) error {
	if key == h.key {
		h.n <- key
		<-h.hang
	}
	return h.memory.Store(ctx, key, value)
}

func (h *hanging) Load(ctx context.Context, key string) ([]byte, error) {
	if key == h.key {
		h.n <- key
		<-h.hang
	}
	return h.memory.Load(ctx, key)
}

// A read that never ends is given up, and one of them stays behind.
func TestSlotsLoadHangs(t *testing.T) {
	h := &hanging{newMemory(), Folder("state", "vm") + "/a", make(chan struct{}), make(chan string, 10)}
	s := New(h, "state", "vm", 1)
	gone, cancel := context.WithCancel(background)
	cancel()
	for range 3 {
		if _, err := s.load(gone, h.key); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
	<-h.n
	if len(h.n) != 0 {
		t.Errorf("%d more reads", len(h.n))
	}
	close(h.hang)
	if _, err := s.load(background, h.key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// A write that never ends is given up. The next one of the slot waits for it, so that what was
// saved last is what stays.
func TestSlotsStoreHangs(t *testing.T) {
	h := &hanging{newMemory(), "", make(chan struct{}), make(chan string, 10)}
	s := New(h, "state", "vm", 1)
	if _, err := s.Read(background); err != nil {
		t.Fatal(err)
	}
	h.key = s.key(slotNames[s.next()])
	gone, cancel := context.WithCancel(background)
	cancel()
	for range 3 {
		err := s.Write(gone, "run", []byte("old"))
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the storage does not answer") {
			t.Errorf("error %v", err)
		}
	}
	<-h.n
	if len(h.n) != 0 {
		t.Errorf("%d more writes", len(h.n))
	}
	close(h.hang)
	write(t, s, "new")
	if _, got := read(t, h.memory); !slices.Equal(got, []string{"new"}) {
		t.Errorf("got %q", got)
	}
}

// A sequence number at the end of all numbers, forged, does not lose what is written afterwards.
func TestSlotsForgedSequence(t *testing.T) {
	for _, sequence := range []int64{believable - 1, believable, believable + 1, maxSequence - 1, maxSequence} {
		for _, name := range slotNames {
			m := newMemory()
			s, _ := read(t, m)
			write(t, s, "old")
			write(t, s, "new")
			forged := header
			forged.Sequence = sequence
			m.keys[Folder("state", "vm")+"/"+name] = snapshot(t, forged, "forged")
			want := "forged"
			for life := range 3 {
				s, got := read(t, m)
				if len(got) == 0 || got[0] != want {
					t.Fatalf("sequence %d in %s, life %d: got %q, want %q", sequence, name, life, got, want)
				}
				for again := true; again; again = s.Damaged() {
					want = fmt.Sprint("state ", life)
					write(t, s, want)
				}
			}
		}
	}
}
