package sharedlock

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

const (
	// Who waits for a lock asks again after a while, which grows. The longest one bounds what
	// goes by between two holders on two machines.
	minPause = 5 * time.Millisecond
	maxPause = 100 * time.Millisecond

	// maxRow is how often in a row a process has a lock that others want.
	maxRow = 8
)

// Set is the locks of a process that somebody holds or wants.
type Set struct {
	// Go calls a function on a goroutine.
	Go func(do func())

	// Context ends when everything is to be given back, whoever holds it.
	Context context.Context

	// Lost is told of a place that was lost before it was given back; err is why it could not be
	// extended, nil where the store gave it to others.
	Lost func(key string, fence int64, err error)

	mu    sync.Mutex
	locks map[id]*lock
}

type id struct {
	store store.Store
	key   string
}

// lock is one that somebody here holds, wants or gives back.
type lock struct {
	id
	set  *Set
	turn chan struct{} // who is in it asks the store
	free chan struct{} // tells who asks that a place was given back here

	// Guarded by set.mu:
	uses    int
	leaving int           // places that are being given back
	left    chan struct{} // closed when none is any more; nil: none is
	row     int           // how often it was had here since somebody else may have had it
	wanted  bool          // others want it
}

// use returns a lock; leave it afterwards.
func (s *Set) use(of id) *lock {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.locks[of]
	if l == nil {
		l = &lock{id: of, set: s, turn: make(chan struct{}, 1), free: make(chan struct{}, 1)}
		if s.locks == nil {
			s.locks = map[id]*lock{}
		}
		s.locks[of] = l
	}
	l.uses++
	return l
}

func (l *lock) leave() {
	l.set.mu.Lock()
	defer l.set.mu.Unlock()
	if l.uses--; l.uses == 0 {
		delete(l.set.locks, l.id)
	}
}

// Ask is one who wants a lock.
type Ask struct {
	cancel context.CancelFunc
	ready  chan struct{}

	mu   sync.Mutex
	over bool // nobody wants it any more
	hold *Hold
	err  error
}

// Ask asks for one of the places of a lock; the store must have it back ttl after its holder died. With
// once it is not asked again where all are held.
func (s *Set) Ask(in store.Store, key string, places int, ttl time.Duration, once bool) *Ask {
	l := s.use(id{in, key})
	ctx, cancel := context.WithCancel(s.Context)
	a := &Ask{cancel: cancel, ready: make(chan struct{})}
	if in.Local() {
		if a.hold, a.err = l.try(places, ttl); a.hold != nil || a.err != nil || once {
			if a.hold == nil {
				l.leave()
			}
			cancel()
			close(a.ready)
			return a
		}
	}
	s.Go(func() {
		hold, err := l.ask(ctx, places, ttl, once)
		if hold == nil {
			defer l.leave()
		}
		a.mu.Lock()
		a.hold, a.err = hold, err
		unwanted := a.over
		close(a.ready)
		a.mu.Unlock()
		cancel()
		if hold == nil {
			return
		}
		if unwanted {
			hold.Release()
		}
		if hold.stop != nil {
			hold.keep()
		}
	})
	return a
}

// Ready is closed when there is an answer.
func (a *Ask) Ready() <-chan struct{} { return a.ready }

// Take returns what was got: nil where all places are held, or there is no answer yet. Then nobody
// asks any more, and what the answer brings is given back.
func (a *Ask) Take() (*Hold, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cancel()
	if a.over {
		return nil, nil
	}
	a.over = true
	return a.hold, a.err
}

// Drop is Take for who cannot use it any more.
func (a *Ask) Drop() {
	if hold, _ := a.Take(); hold != nil {
		hold.Release()
	}
}

// ask waits for a place until ctx ends.
func (l *lock) ask(ctx context.Context, places int, ttl time.Duration, once bool) (*Hold, error) {
	select {
	case l.turn <- struct{}{}:
	default:
		if once { // who asks has not got one either
			return nil, nil
		}
		select {
		case l.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, nil
		}
	}
	defer func() { <-l.turn }()
	if !l.awaitTurn(ctx, once) {
		return nil, nil
	}
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		hold, err := l.try(places, ttl)
		if hold != nil || err != nil || once {
			return hold, err
		}
		if !l.pause(ctx, pause/2+rand.N(pause)) { // all processes do not ask at once
			return nil, nil
		}
	}
}

// awaitTurn waits until what is given back is, and lets others try where it is their turn. It reports
// false when ctx ends.
func (l *lock) awaitTurn(ctx context.Context, once bool) bool {
	l.set.mu.Lock()
	left := l.left
	l.set.mu.Unlock()
	if left != nil {
		select {
		case <-left:
		case <-ctx.Done():
			return false
		}
	}
	l.set.mu.Lock()
	yield := l.wanted && l.row >= maxRow && !once
	if yield {
		l.row = 0
	}
	l.set.mu.Unlock()
	if !yield {
		return true
	}
	select {
	case <-l.free: // of what was given back before
	default:
	}
	return l.pause(ctx, 3*maxPause/2) // the longest pause of the others
}

// pause waits for a while, or until a place was given back here. It reports false when ctx ends.
func (l *lock) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.free:
	case <-ctx.Done():
		return false
	}
	return true
}

// try asks the store. It is not interrupted: a lock that nobody knows of would be held for its time.
func (l *lock) try(places int, ttl time.Duration) (*Hold, error) {
	if l.store.Local() {
		ttl = store.Forever // nothing ends that does not give it back
	}
	asked := time.Now()
	fence, ok, err := l.store.Lock(context.Background(), l.key, places, ttl)
	l.set.mu.Lock()
	defer l.set.mu.Unlock()
	if !ok || err != nil {
		if err == nil {
			l.row = 0
		}
		return nil, err
	}
	l.row++
	return newHold(l, fence, ttl, asked), nil
}
