package rover

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/persist"
)

const (
	// storageTimeout is how long a storage may take to read or to write a snapshot.
	storageTimeout = 30 * time.Second

	// longHold is a stretch of VM time that people notice. A save that takes so long is
	// logged, once.
	longHold = 100 * time.Millisecond

	// againAfter is when an error that persists is logged again.
	againAfter = 10 * time.Minute
)

// keeping is what one config says of saving rover.state of a VM, and where.
type keeping struct {
	script   string // of the directive that says it
	interval time.Duration
	maxSize  int64
	storage  persist.Storage

	// What was found when the VM was new. slots is nil if it was not, or if the storage
	// could not be read, for which unread is the reason.
	slots    *persist.Slots
	unread   error
	restored *restoredState
}

// restoredState is a snapshot that has become rover.state.
type restoredState struct {
	persist.Header
	key   string
	bytes int
	sum   [sha256.Size]byte // of the state
}

// keep takes what a handler says of saving the VM's state. If the VM is new, its state is
// restored first: no script has seen another one, except those of handlers before, which
// are loaded again. It only reads from the storage, for the config may be one that is
// just validated.
func (p *program) keep(h *Handler) error {
	interval, maxSize := h.Persist.Settings()
	if k := p.keeping; k != nil {
		if k.interval == interval && k.maxSize == maxSize {
			return nil
		}
		return fmt.Errorf("persist of VM %q: the directive of script %q says %v and max_size %d, that of script %q says %v and max_size %d",
			p.vm.name, k.script, k.interval, k.maxSize, h.path, interval, maxSize)
	}
	p.keeping = &keeping{script: h.path, interval: interval, maxSize: maxSize, storage: p.app.storage}
	if !p.vm.fresh() || !p.keeping.restore(p.vm) {
		return nil
	}
	for _, other := range p.handlers {
		if other.loaded == nil {
			continue
		}
		source := other.loaded.Sources().Script
		other.loaded.Retire()
		var err error
		if other.loaded, err = p.load(p.app.running, other, p.version, luart.Sources{Script: source}); err != nil {
			return err
		}
	}
	return nil
}

// restore makes the newest snapshot that can be read the state of a new VM. It reports
// whether there was one.
func (k *keeping) restore(vm *sharedVM) bool {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	slots := persist.New(k.storage, vm.name, luart.StateFormat)
	snapshots, err := slots.Read(ctx)
	if err != nil {
		k.unread = err
		return false
	}
	k.slots = slots
	for _, s := range snapshots {
		if err := vm.RestoreState(s.State); err != nil {
			slots.Reject(s, err)
			continue
		}
		k.restored = &restoredState{s.Header, s.Key, len(s.State), sha256.Sum256(s.State)}
		return true
	}
	return false
}

// keeper saves rover.state of a VM: at intervals, and when the VM ends. It belongs to the
// VM, and works with what the config says that has taken over last.
type keeper struct {
	vm     *sharedVM
	run    string // tells what it has saved from what others have
	logger *zap.Logger

	wake, stop chan struct{}
	done       chan struct{} // closed when the goroutine has ended

	// saving is held while a storage is used. It guards what follows.
	saving  sync.Mutex
	slots   *persist.Slots
	slotsOf *keeping          // whose storage they are in
	known   map[string]bool   // runs whose snapshots were restored or set aside
	last    [sha256.Size]byte // of the state in the newest snapshot; zero: not known
	size    int               // bytes that were needed last time
	idle    uint64            // what the VM had done when it was saved; nothing since then: nothing has changed
	leftOut []string          // what was logged as not saved
	slow    bool              // a long hold was logged
	logged  time.Time         // when the error in the status was logged

	mu     sync.Mutex // guards the rest
	users  []*keeping // of configs that have begun and not ended; the last one counts
	status persistStatus
}

// persistStatus is what an operator is told of the saving of a VM's state.
type persistStatus struct {
	Interval string `json:"interval"` // "0s": only when the VM ends
	MaxSize  int64  `json:"max_size"`
	Folder   string `json:"folder"` // prefix of the keys in the storage

	Restored *time.Time `json:"restored,omitempty"` // when what the VM began with was saved
	Saved    *time.Time `json:"saved,omitempty"`    // when a snapshot was written last
	Bytes    int        `json:"bytes"`              // of the newest snapshot
	Hold     float64    `json:"hold_seconds"`       // how long no request ran Lua for it

	Writes persistWrites `json:"writes"`

	// Keys to which something was copied so that it does not get lost.
	SetAside []string `json:"set_aside,omitempty"`

	// Why the last attempt to save has failed; nil if it has not.
	LastError *failure `json:"last_error,omitempty"`
}

// persistWrites is how attempts to save have ended.
type persistWrites struct {
	Written   uint64 `json:"written"`
	Unchanged uint64 `json:"unchanged"`
	TooLarge  uint64 `json:"too_large"`
	Failed    uint64 `json:"failed"`
}

// newKeeper returns a keeper that saves nothing yet.
func newKeeper(vm *sharedVM, logger *zap.Logger) *keeper {
	t := &keeper{
		vm: vm, run: rand.Text(), logger: logger,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	t.known = map[string]bool{t.run: true}
	t.status.Folder = persist.Folder(vm.name)
	go t.work()
	return t
}

// use has the keeper work as a config says that has begun. Any goroutine may call it.
func (t *keeper) use(k *keeping) {
	if k.unread != nil {
		t.logger.Error("the storage cannot be read: rover.state begins empty, and nothing is saved until it can be",
			zap.String("vm", t.vm.name), zap.Error(k.unread))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.users = append(t.users, k)
	if r := k.restored; r != nil {
		t.status.Restored, t.status.Bytes = &r.Saved, r.bytes
		t.logger.Info("rover.state restored",
			zap.String("vm", t.vm.name), zap.String("snapshot", r.key), zap.Time("saved", r.Saved), zap.Int("bytes", r.bytes))
	}
	t.signal()
}

// release ends what use has begun: the storage is not used any more when it returns. last
// says that the VM is about to end: then the state is saved now, and the storage may be
// used once more, by end. Any goroutine may call it.
func (t *keeper) release(k *keeping, last bool) {
	t.saving.Lock()
	defer t.saving.Unlock()
	t.mu.Lock()
	counts, alone := t.users[len(t.users)-1] == k, len(t.users) == 1
	t.mu.Unlock()
	if counts && (last || alone) {
		t.save(true, !last)
	}
	if last {
		return
	}
	if t.slotsOf == k {
		t.slots, t.slotsOf = nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.users = slices.DeleteFunc(t.users, func(u *keeping) bool { return u == k })
	t.signal()
}

// halt ends the saving at intervals.
func (t *keeper) halt() {
	close(t.stop)
	<-t.done
}

// end saves the state of a VM that is closed, unless the config that ended last did not
// want it saved.
func (t *keeper) end() {
	t.saving.Lock()
	defer t.saving.Unlock()
	t.save(true, true)
}

// signal wakes the goroutine.
func (t *keeper) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// current returns what the config says that counts; nil: not to save. Any goroutine may
// call it.
func (t *keeper) current() *keeping {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.users) == 0 {
		return nil
	}
	return t.users[len(t.users)-1]
}

// work saves at intervals, and when a config has begun or ended: configs that come in quick
// succession must not put it off.
func (t *keeper) work() {
	defer close(t.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		if k := t.current(); k != nil && k.interval > 0 {
			timer.Reset(k.interval)
		}
		select {
		case <-timer.C:
		case <-t.wake:
		case <-t.stop:
			return
		}
		t.saving.Lock()
		t.save(false, false)
		t.saving.Unlock()
	}
}

// save saves the state if it has changed. final says that the VM, or its saving, ends; loud
// that an error is logged, whether it was before or not. The caller holds saving.
func (t *keeper) save(final, loud bool) {
	k := t.current()
	if k == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	if err := t.open(ctx, k); err != nil {
		t.failed(err, loud)
		return
	}
	if k.interval == 0 && !final && !t.slots.Damaged() {
		return
	}
	work := t.vm.work()
	if !final && work == t.idle && !t.slots.Damaged() {
		t.did(func(s *persistStatus) { s.Writes.Unchanged++ })
		return
	}
	saved, err := t.vm.SaveState(make([]byte, 0, t.size+t.size/8), int(k.maxSize))
	if errors.Is(err, luart.ErrStateSize) {
		t.idle = work + 1 + t.tooLarge(k, loud)
		return
	}
	if err != nil {
		t.failed(err, loud)
		return
	}
	t.size = len(saved.Data)
	t.tell(saved)
	sum := sha256.Sum256(saved.Data)
	if sum == t.last && !t.slots.Damaged() {
		t.idle = work + 1
		t.did(func(s *persistStatus) { s.Writes.Unchanged++; s.LastError = nil })
		return
	}
	for again := true; again; again = t.slots.Damaged() { // each slot gets something that can be read
		if err := t.slots.Write(ctx, t.run, saved.Data); err != nil {
			t.failed(err, loud)
			return
		}
		now := time.Now()
		t.did(func(s *persistStatus) {
			s.Writes.Written++
			s.Saved, s.Bytes, s.Hold, s.LastError = &now, len(saved.Data), saved.Hold.Seconds(), nil
		})
	}
	t.last, t.idle = sum, work+1
}

// open makes the slots ready to be written. Nothing is written before it is known what the
// storage has, and before what would get lost has been set aside. The caller holds saving.
func (t *keeper) open(ctx context.Context, k *keeping) error {
	switch {
	case t.slotsOf == k:
	case k.slots != nil: // it was read when the VM was new
		t.slots, t.slotsOf, k.slots = k.slots, k, nil
		if r := k.restored; r != nil {
			t.known[r.Run], t.last = true, r.sum
		}
	default:
		slots := persist.New(k.storage, t.vm.name, luart.StateFormat)
		snapshots, err := slots.Read(ctx)
		if err != nil {
			return err
		}
		t.last = [sha256.Size]byte{}
		if len(snapshots) > 0 {
			newest := snapshots[0]
			t.last = sha256.Sum256(newest.State)
			if !t.known[newest.Run] {
				t.known[newest.Run] = true
				reason := errRanAlready
				if k.unread != nil {
					reason = errUnreadThen
				}
				slots.Keep(newest, reason)
			}
		}
		t.slots, t.slotsOf = slots, k
	}
	aside, err := t.slots.SetAside(ctx)
	for _, a := range aside {
		level := zap.ErrorLevel
		if errors.Is(a.Reason, errRanAlready) {
			level = zap.WarnLevel
		}
		t.logger.Log(level, "a snapshot of rover.state was not restored, and has been set aside",
			zap.String("vm", t.vm.name), zap.String("snapshot", a.From), zap.String("kept_as", a.To), zap.Error(a.Reason),
			zap.String("hint", "it stays until you delete it; to begin with it, stop Caddy, delete the keys a and b beside it in the storage, and copy it to a"))
		t.did(func(s *persistStatus) { s.SetAside = append(s.SetAside, a.To) })
	}
	return err
}

var (
	errRanAlready = errors.New("it is of another process, or older than the VM, which ran already when it was told to save its state here")
	errUnreadThen = errors.New("the storage could not be read when the VM began")
)

// did changes the status.
func (t *keeper) did(change func(*persistStatus)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.status)
}

// failed notes why the state was not saved. The caller holds saving.
func (t *keeper) failed(err error, loud bool) {
	t.idle = 0 // the next time it is looked at again
	t.complain("rover.state was not saved", err, loud, nil)
	t.did(func(s *persistStatus) { s.Writes.Failed++ })
}

// tooLarge notes that the state is too large. It returns in how many turns of the VM it has
// found out which tables are the largest. The caller holds saving.
func (t *keeper) tooLarge(k *keeping, loud bool) (turns uint64) {
	t.complain("rover.state is too large and was not saved: the last snapshot stays",
		fmt.Errorf("it takes more than max_size, %d bytes", k.maxSize), loud,
		func() []zap.Field {
			var sizes []luart.StateSize
			sizes, turns = t.vm.CountState()
			largest := make([]string, 0, maxLargest)
			for _, s := range sizes[:min(len(sizes), maxLargest)] {
				largest = append(largest, fmt.Sprintf("%q: %d entries, some %d bytes in memory", s.Name, s.Entries, s.Bytes))
			}
			return []zap.Field{zap.Strings("largest", largest)}
		})
	t.did(func(s *persistStatus) { s.Writes.TooLarge++ })
	return turns
}

// maxLargest is how many of the largest tables are named.
const maxLargest = 3

// complain puts an error into the status and the log, there not over and over, and with
// what more returns, if it is not nil. The caller holds saving.
func (t *keeper) complain(message string, err error, loud bool, more func() []zap.Field) {
	now := time.Now()
	again := false
	t.did(func(s *persistStatus) {
		again = s.LastError != nil && s.LastError.Message == err.Error()
		s.LastError = &failure{now, err.Error()}
	})
	if again && !loud && now.Sub(t.logged) < againAfter {
		return
	}
	t.logged = now
	fields := []zap.Field{zap.String("vm", t.vm.name), zap.Error(err)}
	if more != nil {
		fields = append(fields, more()...)
	}
	t.logger.Error(message, fields...)
}

// tell logs what a save has shown: that something is left out, which was not the last time,
// and that it took long. The caller holds saving.
func (t *keeper) tell(saved luart.SavedState) {
	var news []string
	for _, what := range saved.LeftOutNames {
		if _, old := slices.BinarySearch(t.leftOut, what); !old {
			news = append(news, what)
		}
	}
	t.leftOut = saved.LeftOutNames
	if len(news) > 0 {
		t.logger.Warn("something in rover.state is no plain data and is not saved",
			zap.String("vm", t.vm.name), zap.Strings("left_out", news[:min(len(news), maxNews)]), zap.Int("count", saved.LeftOut))
	}
	if saved.Hold > longHold && !t.slow {
		t.slow = true
		t.logger.Warn("no request ran Lua while rover.state was copied: it is large",
			zap.String("vm", t.vm.name), zap.Duration("hold", saved.Hold), zap.Int("bytes", len(saved.Data)))
	}
}

// maxNews is how many things that are left out one log line names.
const maxNews = 10

// fresh reports whether no config has begun to use the VM.
func (s *sharedVM) fresh() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.begun
}

// began has the state of the VM saved as a config says that has begun; nil: not.
func (s *sharedVM) began(k *keeping, logger *zap.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = true
	if k == nil {
		return
	}
	if s.keeper == nil {
		s.keeper = newKeeper(s, logger)
	}
	s.keeper.use(k)
}

// kept returns what saves the state of the VM, nil for nothing.
func (s *sharedVM) kept() *keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keeper
}

// work grows with everything that may change the state, and by one with each save.
func (s *sharedVM) work() uint64 {
	st := s.Stats()
	return st.CallerRuns + st.Drained + st.Attached + st.Detaches
}

// persisted returns the status of the saving of the program's state; nil if its config says
// that it is not saved.
func (p *program) persisted() *persistStatus {
	t := p.vm.kept()
	if p.keeping == nil || t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.status
	s.Interval, s.MaxSize = p.keeping.interval.String(), p.keeping.maxSize
	s.SetAside = slices.Clone(s.SetAside)
	return &s
}

var (
	persistWritesDesc = describe("persist_writes_total",
		"Attempts to save rover.state, by outcome: written, unchanged, too_large, failed.", "outcome")
	persistBytesDesc = describe("persist_bytes",
		"The size of rover.state in the newest snapshot.")
)

func (m vmMetrics) collectPersist() {
	t := m.vm.kept()
	if t == nil {
		return
	}
	t.mu.Lock()
	writes, bytes := t.status.Writes, t.status.Bytes
	t.mu.Unlock()
	m.counter(persistWritesDesc, float64(writes.Written), "written")
	m.counter(persistWritesDesc, float64(writes.Unchanged), "unchanged")
	m.counter(persistWritesDesc, float64(writes.TooLarge), "too_large")
	m.counter(persistWritesDesc, float64(writes.Failed), "failed")
	m.gauge(persistBytesDesc, float64(bytes))
}

// print tells people.
func (s *persistStatus) print(row func(name, format string, args ...any)) {
	when, hold := "every "+s.Interval, time.Duration(s.Hold*float64(time.Second))
	if s.Interval == "0s" {
		when = "only at the end"
	}
	switch {
	case s.Saved != nil:
		row("persist", "%s; %d bytes saved at %s, which held the VM for %v", when, s.Bytes, s.Saved.Format(time.DateTime), hold.Round(time.Microsecond))
	case s.Restored != nil:
		row("persist", "%s; restored as it was at %s", when, s.Restored.Format(time.DateTime))
	default:
		row("persist", "%s; nothing saved yet", when)
	}
	row("", "%s in the storage", s.Folder)
	for _, key := range s.SetAside {
		row("set aside", "%s", key)
	}
	if e := s.LastError; e != nil {
		row("not saved", "%s: %s", e.At.Format(time.DateTime), e.Message)
	}
}
