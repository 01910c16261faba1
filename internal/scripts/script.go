package scripts

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/caddy-rover/rover/luart"
)

// ErrNotStarted is the error of what needs a config that has started.
var ErrNotStarted = errors.New("the configuration has not started")

// Script is what one rover directive runs. Its exported fields are not changed any more once it
// is added to a Group.
type Script struct {
	// Settings are what all its generations have in common. The path is absolute.
	Settings luart.Script

	// Watch has the scripts of the VM reloaded when one of their files changes. They are looked
	// at every WatchInterval; 0: the system tells.
	Watch         bool
	WatchInterval time.Duration

	// Persist says how rover.state of the VM is saved; nil: not, unless another script says so.
	Persist *Persist

	set    *Set              // nil: it has not been added
	loaded *luart.Generation // until the set is activated: then it becomes live
	live   atomic.Pointer[luart.Generation]
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
func (s *Script) Live() *luart.Generation { return s.live.Load() }

// Newest returns the generation that serves, or will. Any goroutine may call it once the config
// has started.
func (s *Script) Newest() *luart.Generation {
	if gen := s.live.Load(); gen != nil {
		return gen
	}
	return s.loaded
}

// Reload loads the scripts of the VM again: see Set.Reload. Any goroutine may call it once the
// config has started.
func (s *Script) Reload(ctx context.Context) error {
	if s.set == nil {
		return ErrNotStarted
	}
	return s.set.Reload(ctx)
}

// Retire ends what the script runs; nothing serves requests any more.
func (s *Script) Retire() {
	for _, gen := range []*luart.Generation{s.loaded, s.live.Load()} {
		if gen != nil {
			gen.Retire()
		}
	}
}
