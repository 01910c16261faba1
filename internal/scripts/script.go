package scripts

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/geo"
)

// ErrNotStarted is the error of what needs a config that has started.
var ErrNotStarted = errors.New("the configuration has not started")

// Script is what one rover directive runs. Its exported fields are not changed any more once it
// is added to a Group, but for Place.
type Script struct {
	// Settings are what all its generations have in common. The path is absolute.
	Settings luart.Script

	// Options stand for all that the directive says, with the values that its placeholders had
	// when the config was loaded. What a script of the config before has loaded goes on if it has
	// the same path and options, and its files have not changed. "" is like no other.
	Options string

	// Place says where in the config the directive stands, for directives that have the script
	// and all options in common; "" is not known. It is set before the group starts.
	Place string

	// Limits are those of the VM, once the config has started; nil: those that it has.
	Limits *Limits

	// Geo are databases of places by address, which each generation opens: see package geo.
	// Absolute paths. Without any, Settings.Geo stays.
	Geo []string

	// Watch has the scripts of the VM reloaded when one of their files changes. They are looked
	// at every WatchInterval; 0: the system tells.
	Watch         bool
	WatchInterval time.Duration

	// Persist says how rover.state of the VM is saved; nil: not, unless another script says so.
	Persist *Persist

	set    *Set                    // nil: it has not been added
	log    *movableLog             // of its generations; guarded by vm.reloading once the set is activated
	like   *Script                 // of the config before, whose generation goes on, as it seems; nil: it is loaded
	loaded *loading                // until the set is activated: then it becomes live; nil: none
	live   atomic.Pointer[loading] // nil: the config has not started
}

// loading is a generation of a script, and the files that it was loaded from.
type loading struct {
	*luart.Generation
	files *fileRecord
	geo   geo.Databases
}

// Limits are what a VM is held to.
type Limits struct {
	eventloop.Limits
	Memory int64 // that its scripts may keep alive, in bytes; 0: any
}

// Persist says how rover.state of a VM is saved.
type Persist struct {
	Interval time.Duration // 0: only when the VM ends
	MaxSize  int64         // of a snapshot, in bytes
}

// Path returns the file that the script is read from, as an absolute path. Any goroutine may
// call it.
func (s *Script) Path() string { return s.Settings.Path }

// Live returns the generation that serves, nil before the config has started. Any goroutine may
// call it.
func (s *Script) Live() *luart.Generation {
	if l := s.live.Load(); l != nil {
		return l.Generation
	}
	return nil
}

// Newest returns the generation that serves, or will. Any goroutine may call it once the config
// has started.
func (s *Script) Newest() *luart.Generation {
	switch l := s.live.Load(); {
	case l != nil:
		return l.Generation
	case s.loaded != nil:
		return s.loaded.Generation
	case s.like != nil:
		return s.like.Newest()
	}
	return nil
}

// Reload loads the scripts of the VM again: see Set.Reload. Any goroutine may call it once the
// config has started.
func (s *Script) Reload(ctx context.Context) error {
	if s.set == nil {
		return ErrNotStarted
	}
	return s.set.Reload(ctx)
}

// Retire ends what the script runs, unless a script of another config runs it, too; nothing
// serves requests any more.
func (s *Script) Retire() {
	if s.loaded != nil {
		s.loaded.Retire()
	}
	if live := s.live.Load(); live != nil && !s.set.vm.serves(live, s.set) {
		live.Retire()
	}
}
