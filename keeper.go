package rover

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/persist"
)

// keeper saves rover.state of a VM: at intervals, and when the VM ends. It belongs to the
// VM, and works with what the config says that has taken over last.
type keeper struct {
	vm     *sharedVM
	run    string // tells what it has saved from what others have
	logger *zap.Logger

	now   func() time.Time
	grace time.Duration // how long the storage may take when the VM ends

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
	told    complaints

	// dead says that the storage has not answered when the VM ended: it is not asked again.
	dead bool

	mu     sync.Mutex // guards the rest
	users  []*keeping // of configs that have begun and not ended; the last one counts
	cut    func()     // ends the last save at an interval
	status persistStatus
}

// newKeeper returns a keeper that saves nothing yet.
func newKeeper(vm *sharedVM, logger *zap.Logger) *keeper {
	t := &keeper{
		vm: vm, run: rand.Text(), logger: logger, now: time.Now, grace: stopGrace,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	t.known = map[string]bool{t.run: true}
	t.cut = func() {}
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
	if k.slots != nil && k.slots.Broken() != nil {
		t.logger.Error("one of the two snapshots of rover.state cannot be read: the other one is used",
			zap.String("vm", t.vm.name), zap.Error(k.slots.Broken()))
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
	ctx, cancel := t.finally(last)
	defer cancel()
	t.saving.Lock()
	defer t.saving.Unlock()
	t.mu.Lock()
	counts, alone := t.users[len(t.users)-1] == k, len(t.users) == 1
	t.mu.Unlock()
	if counts && (last || alone) {
		t.saveLast(ctx, !last)
	}
	if last {
		return
	}
	t.dead = false
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
	_, cancel := t.finally(true)
	defer cancel()
	close(t.stop)
	<-t.done
}

// end saves the state of a VM that is closed, unless the config that ended last did not
// want it saved.
func (t *keeper) end() {
	ctx, cancel := t.finally(true)
	defer cancel()
	t.saving.Lock()
	defer t.saving.Unlock()
	t.saveLast(ctx, true)
}

// finally returns the context of what is done while the VM ends (last), or a config. A save at
// an interval that is under way ends with it: a storage that does not answer must not hold up
// the stop.
func (t *keeper) finally(last bool) (context.Context, context.CancelFunc) {
	patience := storageTimeout
	if last {
		patience = t.grace
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	unstop := context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.cut()
	})
	return ctx, func() { unstop(); cancel() }
}

// saveLast is save at the end. A storage that has not answered then is not asked once more: all
// of that together would take longer than a stop may. The caller holds saving.
func (t *keeper) saveLast(ctx context.Context, loud bool) {
	if t.dead {
		if t.current() != nil {
			t.failed(errDead, loud)
		}
		return
	}
	t.save(ctx, true, loud)
	t.dead = ctx.Err() != nil
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
		t.saveNow()
	}
}

// saveNow is a save at an interval.
func (t *keeper) saveNow() {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	t.mu.Lock()
	t.cut = cancel
	t.mu.Unlock()
	t.saving.Lock()
	defer t.saving.Unlock()
	if !t.dead {
		t.save(ctx, false, false)
	}
}

// save saves the state if it has changed. final says that the VM, or its saving, ends; loud
// that an error is logged, whether it was before or not. The caller holds saving.
func (t *keeper) save(ctx context.Context, final, loud bool) {
	k := t.current()
	if k == nil {
		return
	}
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
	errDead       = errors.New("the storage does not answer, and the VM ends")
	errUnreadThen = errors.New("the storage could not be read when the VM began")
)

// did changes the status.
func (t *keeper) did(change func(*persistStatus)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.status)
}
