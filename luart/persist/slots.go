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
)

// Storage is what is needed of certmagic.Storage.
type Storage interface {
	Store(ctx context.Context, key string, value []byte) error
	Load(ctx context.Context, key string) ([]byte, error)
}

// slotNames are the last parts of the keys of the slots.
var slotNames = [2]string{"a", "b"}

// Slots are the two places of a VM's snapshots in a storage. Read comes first. Not safe for
// concurrent use.
type Slots struct {
	storage Storage
	vm      string
	format  int // of states that are written; the newest that can be read

	read     bool
	valid    [2]bool      // the slot has a snapshot that can be read
	damaged  [2]bool      // the slot has something else
	sequence [2]int64     // of the snapshot in the slot
	highest  int64        // sequence number that was seen anywhere
	pending  []*asideCopy // what is to be set aside before anything is written
}

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

// New returns the slots of a VM. format is the version of the states in its snapshots:
// those with a later one are not read.
func New(storage Storage, vm string, format int) *Slots {
	return &Slots{storage: storage, vm: vm, format: format}
}

// Folder returns the prefix of a VM's keys: its name as far as it can be part of a file's
// name, and a hash of it, so that no two VMs have the same.
func Folder(vm string) string {
	const maxName = 48
	safe := []byte(vm[max(0, len(vm)-maxName):]) // the end of a path tells more
	for i, c := range safe {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			safe[i] = '-'
		}
	}
	sum := sha256.Sum256([]byte(vm))
	return "rover/state/" + strings.Trim(string(safe), "-.") + "-" + hex.EncodeToString(sum[:6])
}

func (s *Slots) key(name string) string { return Folder(s.vm) + "/" + name }

// Read returns the snapshots that can be read, the newest first: none, one or two. What
// cannot be read is noted for SetAside. The error says that the storage does not answer:
// nobody knows what is in it, and nothing may be written. It writes nothing itself.
func (s *Slots) Read(ctx context.Context) ([]*Snapshot, error) {
	var found []*Snapshot
	next := Slots{storage: s.storage, vm: s.vm, format: s.format, highest: s.highest, read: true}
	for i, name := range slotNames {
		key := s.key(name)
		data, err := s.storage.Load(ctx, key)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("loading %q from the storage: %w", key, err)
		}
		h, state, err := decode(data)
		if err == nil {
			next.highest = max(next.highest, h.Sequence)
			if h.Format > s.format {
				err = fmt.Errorf("a newer version of rover has written it (format %d; this one reads up to %d)", h.Format, s.format)
			}
		}
		if err != nil {
			next.unreadable(i, data, err)
			continue
		}
		next.valid[i], next.sequence[i] = true, h.Sequence
		found = append(found, &Snapshot{h, key, state, i, data})
	}
	*s = next
	slices.SortFunc(found, func(x, y *Snapshot) int {
		return cmp.Or(cmp.Compare(y.Sequence, x.Sequence), y.Saved.Compare(x.Saved))
	})
	return found, nil
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

// SetAside copies what Read, Reject and Keep have noted to keys of their own, reads it back,
// and returns where it is. What it could not copy it tries again when it is called next.
func (s *Slots) SetAside(ctx context.Context) ([]Aside, error) {
	var done []Aside
	for len(s.pending) > 0 {
		c := s.pending[0]
		from := s.key(slotNames[c.slot])
		to := s.key(fmt.Sprintf("%s-%s-%s", c.name, time.Now().UTC().Format("20060102T150405.000000Z"), slotNames[c.slot]))
		if err := s.storage.Store(ctx, to, c.data); err != nil {
			return done, fmt.Errorf("copying %q to %q in the storage: %w", from, to, err)
		}
		copied, err := s.storage.Load(ctx, to)
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
	h := Header{s.format, max(s.highest+1, now.UnixMicro()), now.UTC().Truncate(time.Millisecond), s.vm, run}
	data, err := encode(h, state)
	if err != nil {
		return err
	}
	slot := s.next()
	s.highest = h.Sequence // an error may be about a write that has happened
	s.valid[slot] = false
	key := s.key(slotNames[slot])
	if err := s.storage.Store(ctx, key, data); err != nil {
		return fmt.Errorf("storing %q: %w", key, err)
	}
	s.valid[slot], s.damaged[slot], s.sequence[slot] = true, false, h.Sequence
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
