package watch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	// Settle is how long nothing must happen after a change before the files are read:
	// editors and copies write a file in several steps, and several files in a row.
	Settle = 100 * time.Millisecond

	// settleAtMost is how long a change waits for that. Something else may write into the
	// folder all the time.
	settleAtMost = time.Second

	// Retry is how often the files are looked at while a folder cannot be watched.
	Retry = 2 * time.Second
)

// Watcher waits for changes in the folders of files. Not safe for concurrent use.
type Watcher struct {
	logger   *zap.Logger
	interval time.Duration     // of looking; 0: the system tells
	system   *fsnotify.Watcher // nil: it cannot, or is not asked
	folders  map[string]bool   // that are watched
	refused  map[string]bool   // that cannot be; it has been logged
}

// New returns a Watcher. It is told of changes by the system, or with an interval above zero looks
// for them that often.
func New(logger *zap.Logger, interval time.Duration) *Watcher {
	w := &Watcher{logger: logger, interval: interval, folders: map[string]bool{}, refused: map[string]bool{}}
	if interval > 0 {
		return w
	}
	var err error
	if w.system, err = fsnotify.NewWatcher(); err != nil {
		logger.Warn("the system cannot tell of changed scripts, they are looked at instead", zap.Error(err), zap.Duration("interval", Retry))
		w.system, w.interval = nil, Retry
	}
	return w
}

// Close ends the watching.
func (w *Watcher) Close() {
	if w.system != nil {
		_ = w.system.Close()
	}
}

// Follow watches the folders of files, and no others. It returns how soon the files should
// be looked at in any case; 0: never.
func (w *Watcher) Follow(files []string) time.Duration {
	if w.system == nil {
		return w.interval
	}
	wanted := map[string]bool{}
	for _, file := range files {
		foldersOf(file, wanted)
	}
	for folder := range w.folders {
		if !wanted[folder] {
			_ = w.system.Remove(folder) // it may be gone
			delete(w.folders, folder)
		}
	}
	var again time.Duration
	for folder := range wanted {
		if w.folders[folder] {
			continue
		}
		if err := w.system.Add(folder); err != nil {
			again = Retry
			if !w.refused[folder] && !errors.Is(err, fs.ErrNotExist) {
				w.refused[folder] = true
				w.logger.Warn("a folder cannot be watched, its scripts are looked at instead",
					zap.String("folder", folder), zap.Error(err), zap.Duration("interval", again))
			}
			continue
		}
		w.folders[folder] = true
	}
	return again
}

// Wait waits until something has changed and nothing more does, or more is told, or until
// interval is over, if there is one. It reports whether ctx goes on.
func (w *Watcher) Wait(ctx context.Context, interval time.Duration, more <-chan struct{}) bool {
	var timer <-chan time.Time
	if interval > 0 {
		t := time.NewTimer(interval)
		defer t.Stop()
		timer = t.C
	}
	var events chan fsnotify.Event
	var errs chan error
	if w.system != nil {
		events, errs = w.system.Events, w.system.Errors
	}
	var quiet *time.Timer
	var began time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer:
			return true
		case <-more:
			return true
		case e := <-events:
			if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
				// Of a folder itself: the system watches it no longer.
				if w.folders[e.Name] {
					_ = w.system.Remove(e.Name)
					delete(w.folders, e.Name)
				}
			}
		case err := <-errs: // events were lost
			w.logger.Debug("watching scripts", zap.Error(err))
		}
		if quiet == nil {
			began = time.Now()
			quiet = time.NewTimer(Settle)
			defer quiet.Stop()
			timer = quiet.C
		} else if time.Since(began) < settleAtMost-Settle {
			quiet.Reset(Settle)
		}
	}
}

// foldersOf adds the folders in which something must happen for a file to change: its own,
// that of each symbolic link on the way to it, and where it is missing, the last one that
// is there. They have no symbolic links in their paths.
func foldersOf(file string, folders map[string]bool) {
	const maxLinks = 40 // as the kernel's
	rest := file
	for links := 0; links <= maxLinks; links++ {
		volume := filepath.VolumeName(rest)
		folder := volume + string(filepath.Separator)
		parts := strings.Split(strings.Trim(rest[len(volume):], string(filepath.Separator)), string(filepath.Separator))
		followed := false
		for i, part := range parts {
			path := filepath.Join(folder, part)
			info, err := os.Lstat(path)
			if err != nil || i == len(parts)-1 && info.Mode()&fs.ModeSymlink == 0 {
				break
			}
			if info.Mode()&fs.ModeSymlink == 0 {
				folder = path
				continue
			}
			target, err := os.Readlink(path)
			if err != nil {
				break
			}
			folders[folder] = true
			if !filepath.IsAbs(target) {
				target = filepath.Join(folder, target)
			}
			rest, followed = filepath.Join(append([]string{target}, parts[i+1:]...)...), true
			break
		}
		if !followed {
			folders[folder] = true
			return
		}
	}
}
