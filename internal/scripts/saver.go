package scripts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/persist"
)

// saver saves something of a VM: at intervals, and when the VM ends. It belongs to the VM, and works
// with what the config says that has taken over last.
type saver struct {
	vm     *VM
	of     *subject
	id     string // tells what it has saved from what others have
	logger *zap.Logger

	now   func() time.Time
	grace time.Duration // how long the storage may take when the VM ends

	wake, stop chan struct{}
	done       chan struct{} // closed when the goroutine has ended

	// saving is held while a storage is used. It guards what follows.
	saving  sync.Mutex
	slots   *persist.Slots
	slotsOf *restored         // whose storage they are in
	known   map[string]bool   // runs whose snapshots were restored or set aside
	last    [sha256.Size]byte // of the state in the newest snapshot; zero: not known
	size    int               // bytes that were needed last time
	idle    uint64            // what the VM had done when it was saved; nothing since then: nothing has changed
	leftOut []string          // what was logged as not saved
	slow    bool              // a long hold was logged
	logged  loggedErrors

	// dead says that the storage has not answered when the VM ended: it is not asked again.
	dead bool

	mu     sync.Mutex  // guards the rest
	users  []*restored // of configs that have started and not stopped; the last one counts
	cut    func()      // ends the last save at an interval
	status SavedStatus
}

// newSaver returns one that saves nothing yet.
func newSaver(vm *VM, of *subject, logger *zap.Logger) *saver {
	s := &saver{
		vm: vm, of: of, id: rand.Text(), logger: logger, now: time.Now, grace: stopGrace,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	s.known = map[string]bool{s.id: true}
	s.cut = func() {}
	s.status.Folder = persist.Folder(of.kind, vm.Name)
	go s.run()
	return s
}

// use has the saver work as a config says that has started. Any goroutine may call it.
func (s *saver) use(config *restored) {
	if config.unread != nil {
		s.logger.Error("the storage cannot be read: "+s.of.name+" begins empty, and nothing of it is saved until it can be",
			zap.String("vm", s.vm.Name), zap.Error(config.unread))
	}
	if config.slots != nil && config.slots.Broken() != nil {
		s.logger.Error("one of the two snapshots of "+s.of.name+" cannot be read: the other one is used",
			zap.String("vm", s.vm.Name), zap.Error(config.slots.Broken()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(s.users, config)
	if r := config.snapshot; r != nil {
		s.status.Restored, s.status.Bytes = &r.Saved, r.bytes
		s.logger.Info(s.of.name+" restored",
			zap.String("vm", s.vm.Name), zap.String("snapshot", r.key), zap.Time("saved", r.Saved), zap.Int("bytes", r.bytes))
	}
	s.signal()
}

// release ends what use has begun: the storage is not used any more when it returns. last
// says that the VM is about to end: then the state is saved now, and the storage may be
// used once more, by saveClosed. Any goroutine may call it.
func (s *saver) release(config *restored, last bool) {
	ctx, cancel := s.finally(last)
	defer cancel()
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	counts, alone := s.users[len(s.users)-1] == config, len(s.users) == 1
	s.mu.Unlock()
	if counts && (last || alone) {
		s.saveLast(ctx, !last)
	}
	if last {
		return
	}
	s.dead = false
	if s.slotsOf == config {
		s.slots, s.slotsOf = nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = slices.DeleteFunc(s.users, func(u *restored) bool { return u == config })
	s.signal()
}

// halt ends the saving at intervals.
func (s *saver) halt() {
	_, cancel := s.finally(true)
	defer cancel()
	close(s.stop)
	<-s.done
}

// saveClosed saves the state of a VM that is closed, unless the config that stopped last did not
// want it saved.
func (s *saver) saveClosed() {
	ctx, cancel := s.finally(true)
	defer cancel()
	s.saving.Lock()
	defer s.saving.Unlock()
	s.saveLast(ctx, true)
}

// finally returns the context of what is done while the VM ends (last), or a config. A save at
// an interval that is under way ends with it: a storage that does not answer must not hold up
// the stop.
func (s *saver) finally(last bool) (context.Context, context.CancelFunc) {
	patience := storageTimeout
	if last {
		patience = s.grace
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	unstop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cut()
	})
	return ctx, func() { unstop(); cancel() }
}

// saveLast is save at the end. A storage that has not answered then is not asked once more: all
// of that together would take longer than a stop may. The caller holds saving.
func (s *saver) saveLast(ctx context.Context, loud bool) {
	if s.dead {
		if s.current() != nil {
			s.saveFailed(errDead, loud)
		}
		return
	}
	s.save(ctx, true, loud)
	s.dead = ctx.Err() != nil
}

// signal wakes the goroutine.
func (s *saver) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// current returns what the config says that counts; nil: not to save. Any goroutine may
// call it.
func (s *saver) current() *restored {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users) == 0 {
		return nil
	}
	return s.users[len(s.users)-1]
}

// run saves at intervals, and when a config has started or stopped: configs that come in quick
// succession must not put it off.
func (s *saver) run() {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		if config := s.current(); config != nil && config.Interval > 0 {
			timer.Reset(config.Interval)
		}
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.stop:
			return
		}
		s.saveNow()
	}
}

// saveNow is a save at an interval.
func (s *saver) saveNow() {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	s.mu.Lock()
	s.cut = cancel
	s.mu.Unlock()
	s.saving.Lock()
	defer s.saving.Unlock()
	if !s.dead {
		s.save(ctx, false, false)
	}
}

// save saves the state if it has changed. final says that the VM, or its saving, ends; loud
// that an error is logged, whether it was before or not. The caller holds saving.
func (s *saver) save(ctx context.Context, final, loud bool) {
	config := s.current()
	if config == nil {
		return
	}
	used := s.of.isUsed(s.vm)
	if !used && s.slotsOf != config && (config.slots == nil || !config.slots.IsPending()) {
		return // nothing to save, and nothing to tell of: the storage is not asked
	}
	if err := s.open(ctx, config); err != nil {
		s.saveFailed(err, loud)
		return
	}
	if (config.Interval == 0 && !final || !used) && !s.slots.Damaged() {
		return
	}
	work := s.of.work(s.vm)
	if !final && work == s.idle && !s.slots.Damaged() {
		s.update(func(status *SavedStatus) { status.Writes.Unchanged++ })
		return
	}
	saved, err := s.of.save(s.vm, make([]byte, 0, s.size+s.size/8), int(config.MaxSize))
	if errors.Is(err, errTooLarge) {
		s.idle = work + s.of.saveWork + s.tooLarge(config, loud)
		return
	}
	if err != nil {
		s.saveFailed(err, loud)
		return
	}
	s.size = len(saved.Data)
	s.logSaved(saved)
	sum := sha256.Sum256(saved.Data)
	if sum == s.last && !s.slots.Damaged() {
		s.idle = work + s.of.saveWork
		s.update(func(status *SavedStatus) { status.Writes.Unchanged++; status.LastError = nil })
		return
	}
	for again := true; again; again = s.slots.Damaged() { // each slot gets something that can be read
		if err := s.slots.Write(ctx, s.id, saved.Data); err != nil {
			s.saveFailed(err, loud)
			return
		}
		now := time.Now()
		s.update(func(status *SavedStatus) {
			status.Writes.Written++
			status.Saved, status.Bytes, status.Hold, status.LastError = &now, len(saved.Data), saved.Hold.Seconds(), nil
		})
	}
	s.last, s.idle = sum, work+s.of.saveWork
}

// open makes the slots ready to be written. Nothing is written before it is known what the
// storage has, and before what would get lost has been set aside. The caller holds saving.
func (s *saver) open(ctx context.Context, config *restored) error {
	switch {
	case s.slotsOf == config:
	case config.slots != nil: // it was read when the VM was new
		s.slots, s.slotsOf, config.slots = config.slots, config, nil
		if r := config.snapshot; r != nil {
			s.known[r.Run], s.last = true, r.sum
		}
	default:
		slots := persist.New(config.storage, s.of.kind, s.vm.Name, s.of.format)
		snapshots, err := slots.Read(ctx)
		if err != nil {
			return err
		}
		s.last = [sha256.Size]byte{}
		if len(snapshots) > 0 {
			newest := snapshots[0]
			s.last = sha256.Sum256(newest.State)
			if !s.known[newest.Run] {
				s.known[newest.Run] = true
				reason := errRanAlready
				if config.unread != nil {
					reason = errUnreadThen
				}
				slots.Keep(newest, reason)
			}
		}
		s.slots, s.slotsOf = slots, config
	}
	aside, err := s.slots.SetAside(ctx)
	for _, a := range aside {
		from, to := placeOf(config.storage, a.From), placeOf(config.storage, a.To)
		level := zap.ErrorLevel
		if errors.Is(a.Reason, errRanAlready) {
			level = zap.WarnLevel
		}
		s.logger.Log(level, "a snapshot of "+s.of.name+" was not restored, and has been set aside",
			zap.String("vm", s.vm.Name), zap.String("snapshot", from), zap.String("kept_as", to), zap.Error(a.Reason),
			zap.String("hint", "it stays until you delete it; to begin with it, stop Caddy, delete a and b beside it, and copy it to a"))
		s.update(func(status *SavedStatus) { status.SetAside = append(status.SetAside, to) })
	}
	return err
}

var (
	errRanAlready = errors.New("it is of another process, or older than the VM, which ran already when it was told to save its state here")
	errDead       = errors.New("the storage does not answer, and the VM ends")
	errUnreadThen = errors.New("the storage could not be read when the VM began")
)

// update changes the status.
func (s *saver) update(change func(*SavedStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}
