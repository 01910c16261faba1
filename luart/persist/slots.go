package persist

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/caddy-rover/rover/luart/giveup"
)

// Storage is what is needed of certmagic.Storage.
type Storage interface {
	Store(ctx context.Context, key string, value []byte) error
	Load(ctx context.Context, key string) ([]byte, error)
}

// slotNames are the last parts of the keys of the slots.
var slotNames = [2]string{"a", "b"}

// Slots are the two places of a VM's snapshots of one kind in a storage. Read comes first. Not safe
// for concurrent use.
type Slots struct {
	storage Storage
	kind    string
	vm      string
	format  int // of states that are written; the newest that can be read

	read     bool
	valid    [2]bool      // the slot has a snapshot that can be read
	damaged  [2]bool      // the slot has something else
	broken   [2]error     // why the slot cannot be read; nil: it can
	sequence [2]int64     // of the snapshot in the slot
	highest  int64        // sequence number that was seen anywhere
	pending  []*asideCopy // what is to be set aside before anything is written

	calls *giveup.Calls[[]byte] // of the storage, by key
}

// believable is the highest sequence number that is counted on from, 36,000 years from now. A
// snapshot with a higher one is read, and replaced at once by one with a number of this time:
// its next numbers could not be read any more.
const believable = 1 << 60

// Snapshot is a snapshot that can be read.
type Snapshot struct {
	Header
	Key   string
	State []byte

	slot int
	data []byte
}

// asideCopy is something in a slot that must not get lost.
type asideCopy struct {
	slot   int
	data   []byte
	name   string // the first part of its new key
	reason error
}

// Aside is what was set aside.
type Aside struct {
	From, To string // keys
	Reason   error
}

// New returns the slots of a VM for what is of a kind. format is the version of the states in its
// snapshots: those with a later one are not read.
func New(storage Storage, kind, vm string, format int) *Slots {
	return &Slots{storage: storage, kind: kind, vm: vm, format: format, calls: new(giveup.Calls[[]byte])}
}

// Folder returns the prefix of a VM's keys of a kind: its name as far as it can be part of a file's
// name, and a hash of it, so that no two VMs have the same.
func Folder(kind, vm string) string {
	const maxName = 48
	safe := []byte(vm[max(0, len(vm)-maxName):]) // the end of a path tells more
	for i, c := range safe {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			safe[i] = '-'
		}
	}
	sum := sha256.Sum256([]byte(vm))
	return "rover/" + kind + "/" + strings.Trim(string(safe), "-.") + "-" + hex.EncodeToString(sum[:6])
}

func (s *Slots) key(name string) string { return Folder(s.kind, s.vm) + "/" + name }

// Read returns the snapshots that can be read, the newest first: none, one or two. What is no
// snapshot is noted for SetAside. The error says that the storage does not answer: nobody knows
// what is in it, and nothing may be written. When it gives one slot, and not the other, that is
// used, and Broken says why. It writes nothing itself.
func (s *Slots) Read(ctx context.Context) ([]*Snapshot, error) {
	var found []*Snapshot
	next := Slots{storage: s.storage, kind: s.kind, vm: s.vm, format: s.format, highest: s.highest, read: true, calls: s.calls}
	for i, name := range slotNames {
		key := s.key(name)
		data, err := s.load(ctx, key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, context.DeadlineExceeded) {
			data, err = s.load(ctx, key) // it may have been away for a moment, and have the newest
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			next.broken[i] = fmt.Errorf("loading %q from the storage: %w", key, err)
			continue
		}
		h, state, err := decode(data)
		forged := h.Sequence > believable
		if err == nil {
			if !forged {
				next.highest = max(next.highest, h.Sequence)
			}
			if kind := cmp.Or(h.Kind, "state"); kind != s.kind {
				err = fmt.Errorf("it is a snapshot of the %s, not of the %s", kind, s.kind)
			} else if h.Format > s.format {
				err = fmt.Errorf("a newer version of rover has written it (format %d; this one reads up to %d)", h.Format, s.format)
			}
		}
		if err != nil {
			next.unreadable(i, data, err)
			continue
		}
		next.valid[i], next.damaged[i], next.sequence[i] = !forged, forged, h.Sequence
		found = append(found, &Snapshot{h, key, state, i, data})
	}
	if len(found) == 0 {
		if err := next.Broken(); err != nil {
			return nil, err
		}
	}
	*s = next
	slices.SortFunc(found, func(x, y *Snapshot) int {
		return cmp.Or(cmp.Compare(y.Sequence, x.Sequence), y.Saved.Compare(x.Saved))
	})
	return found, nil
}

// Broken says why a slot could not be read while the other one could; nil: both could.
func (s *Slots) Broken() error { return cmp.Or(s.broken[0], s.broken[1]) }

// loadPatience is how long a storage may take to give a slot: one that never does must leave
// time for the other.
const loadPatience = 10 * time.Second

// againPatience is how long a slot that could not be read is waited for before it is written: that
// must leave time for the write when the VM ends.
const againPatience = time.Second

// load is Load of the storage, given up after loadPatience also when the storage does not look
// at its context.
func (s *Slots) load(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	storage := s.storage // a call that is given up must not look at s
	return s.call(ctx, key, func() ([]byte, error) { return storage.Load(ctx, key) })
}

// store is Store of the storage, given up when ctx ends. What is written to a key after that
// waits for it, so that the older value is not the last one.
func (s *Slots) store(ctx context.Context, key string, value []byte) error {
	// Not behind a read that hangs: a pipe in place of a slot is replaced by a write.
	storage := s.storage
	_, err := s.call(ctx, "store "+key, func() ([]byte, error) { return nil, storage.Store(ctx, key, value) })
	return err
}

func (s *Slots) call(ctx context.Context, key string, call func() ([]byte, error)) ([]byte, error) {
	data, err := s.calls.Do(ctx, key, call)
	if errors.Is(err, giveup.ErrNoAnswer) {
		return nil, fmt.Errorf("the storage does not answer: %w", context.Cause(ctx))
	}
	return data, err
}

func (s *Slots) unreadable(slot int, data []byte, reason error) {
	s.valid[slot], s.damaged[slot] = false, true
	s.pending = append(s.pending, &asideCopy{slot, data, "unreadable", reason})
}

// Reject notes for SetAside that a snapshot cannot be read, after all.
func (s *Slots) Reject(snap *Snapshot, reason error) { s.unreadable(snap.slot, snap.data, reason) }

// Keep notes for SetAside that a snapshot is not wanted, and must not be overwritten.
func (s *Slots) Keep(snap *Snapshot, reason error) {
	s.pending = append(s.pending, &asideCopy{snap.slot, snap.data, "not-restored", reason})
}

// Damaged reports whether a slot has something in it that cannot be read: the next Writes
// replace it.
func (s *Slots) Damaged() bool { return s.damaged[0] || s.damaged[1] }

// IsPending reports whether there is something for SetAside to do.
func (s *Slots) IsPending() bool { return len(s.pending) > 0 || s.Broken() != nil }

// SetAside copies what Read, Reject and Keep have noted to keys of their own, reads it back,
// and returns where it is. What it could not copy it tries again when it is called next.
//
// A slot that could not be read is tried once more: what it has may be the newest snapshot.
func (s *Slots) SetAside(ctx context.Context) ([]Aside, error) {
	var done []Aside
	for i, broken := range s.broken {
		if broken == nil {
			continue
		}
		again, cancel := context.WithTimeout(ctx, againPatience)
		data, err := s.load(again, s.key(slotNames[i]))
		cancel()
		switch {
		case err == nil:
			s.broken[i], s.damaged[i] = nil, true
			if h, _, err := decode(data); err == nil {
				s.highest = max(s.highest, h.Sequence)
			}
			s.pending = append(s.pending, &asideCopy{i, data, "not-restored", broken})
		case errors.Is(err, fs.ErrNotExist):
			s.broken[i] = nil
		}
	}
	for len(s.pending) > 0 {
		c := s.pending[0]
		from := s.key(slotNames[c.slot])
		to := s.key(fmt.Sprintf("%s-%s-%s", c.name, time.Now().UTC().Format("20060102T150405.000000Z"), slotNames[c.slot]))
		if err := s.store(ctx, to, c.data); err != nil {
			return done, fmt.Errorf("copying %q to %q in the storage: %w", from, to, err)
		}
		copied, err := s.load(ctx, to)
		if err != nil {
			return done, fmt.Errorf("reading back %q, the copy of %q in the storage: %w", to, from, err)
		}
		if !bytes.Equal(copied, c.data) {
			return done, fmt.Errorf("the storage has written %q other than it was told to", to)
		}
		s.pending = s.pending[1:]
		done = append(done, Aside{from, to, c.reason})
	}
	return done, nil
}

var (
	errNotRead  = errors.New("it is not known what the storage has")
	errNotAside = errors.New("what the storage has must be set aside first")
)

// Write writes a snapshot of a state. After an error the one before it is there still.
func (s *Slots) Write(ctx context.Context, run string, state []byte) error {
	switch {
	case !s.read:
		return errNotRead
	case len(s.pending) > 0:
		return errNotAside
	}
	now := time.Now()
	h := Header{s.format, s.kind, max(s.highest+1, now.UnixMicro()), now.UTC().Truncate(time.Millisecond), s.vm, run}
	data, err := encode(h, state)
	if err != nil {
		return err
	}
	slot := s.next()
	s.highest = h.Sequence // an error may be about a write that has happened
	s.valid[slot] = false
	err = s.store(ctx, s.key(slotNames[slot]), data)
	if err != nil && s.broken[slot] != nil {
		// It can be neither read nor written. The other one has the state alone until that is
		// mended: a state that gets old would be worse.
		slot = 1 - slot
		err = s.store(ctx, s.key(slotNames[slot]), data)
	}
	if err != nil {
		return fmt.Errorf("storing %q: %w", s.key(slotNames[slot]), err)
	}
	s.valid[slot], s.damaged[slot], s.broken[slot], s.sequence[slot] = true, false, nil, h.Sequence
	return nil
}

// next is the slot that may be overwritten: not that of the newest snapshot.
func (s *Slots) next() int {
	switch {
	case !s.valid[0]:
		return 0
	case !s.valid[1] || s.sequence[0] > s.sequence[1]:
		return 1
	default:
		return 0
	}
}
