package rover

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/giveup"
)

const (
	// settle is how long nothing must happen after a change before the files are read:
	// editors and copies write a file in several steps, and several files in a row.
	settle = 100 * time.Millisecond

	// settleAtMost is how long a change waits for that. Something else may write into the
	// folder all the time.
	settleAtMost = time.Second

	// absence is how long a file may be missing before that counts as a change: editors
	// and deployments remove a file before they put the new one there.
	absence = time.Second

	// watchRetry is how often the files are looked at while a folder cannot be watched.
	watchRetry = 2 * time.Second
)

// watched says whether the program is to be reloaded when its files change, and how often
// they are to be looked at; 0: the system tells.
func (p *program) watched() (watch bool, interval time.Duration) {
	for _, h := range p.handlers {
		watch = watch || h.Watch
		if d := time.Duration(h.WatchInterval); d > 0 && (interval == 0 || d < interval) {
			interval = d
		}
	}
	return watch, interval
}

// watch reloads the program when its files change, until ctx ends.
func (p *program) watch(ctx context.Context, interval time.Duration) {
	w := newWatcher(p.app.logger, interval)
	defer w.close()
	var missing time.Time // since when a file that was there is not; zero: none is missing
	for {
		interval := w.follow(p.files())
		gone, changed := p.changed(!missing.IsZero() && time.Since(missing) >= absence)
		switch {
		case changed:
			missing = time.Time{}
			err := p.reload(ctx) // it has been logged; the next change may mend it
			if ctx.Err() != nil {
				return
			}
			if errors.Is(err, errReplaced) {
				// Another config has taken over. Should it be refused, this one goes on.
				p.forgetLooked()
				if !w.wait(ctx, watchRetry, nil) {
					return
				}
			}
			continue // it may have opened other files
		case !gone:
			missing = time.Time{}
		case missing.IsZero():
			missing = time.Now()
		}
		if gone && (interval == 0 || interval > settle) {
			interval = settle
		}
		if !w.wait(ctx, interval, p.more) {
			return
		}
	}
}

// files returns the files that what is live was loaded from, or has looked for, and those of a
// load that was refused: what mends it is seen.
func (p *program) files() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Collect(maps.Keys(p.opened))
	for path := range p.tried {
		if _, ok := p.opened[path]; !ok {
			list = append(list, path)
		}
	}
	return list
}

// changed reports whether a file holds something else than when it was loaded, and than
// when changed reported so last: what cannot be loaded is tried once. gone says that one
// that was there is missing, and nothing is decided yet; with final that is a change as
// any other. Not safe for concurrent use.
func (p *program) changed(final bool) (gone, changed bool) {
	now := map[string]sourceHash{}
	for _, path := range p.files() {
		source, err := p.vm.files.read(p.app.running, path)
		if errors.Is(err, giveup.ErrNoAnswer) {
			return false, false // nobody knows
		}
		now[path] = hashSource(source)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.looked == nil {
		p.looked = map[string]sourceHash{}
	}
	news := map[string]sourceHash{}
	for path, hash := range now {
		was, ok := p.tried[path]
		if !ok {
			if was, ok = p.opened[path]; !ok {
				continue // another load is live by now, which has not opened it
			}
		}
		if looked, ok := p.looked[path]; hash == was || ok && hash == looked {
			continue
		}
		if news[path] = hash; hash == (sourceHash{}) && !final {
			gone = true
		}
	}
	if gone {
		return true, false
	}
	maps.Copy(p.looked, news)
	return false, len(news) > 0
}

// forgetLooked has changed report again what it has reported since the last load.
func (p *program) forgetLooked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = nil
}

// watcher waits for changes in the folders of files. Not safe for concurrent use.
type watcher struct {
	logger   *zap.Logger
	interval time.Duration     // of looking; 0: the system tells
	system   *fsnotify.Watcher // nil: it cannot, or is not asked
	folders  map[string]bool   // that are watched
	refused  map[string]bool   // that cannot be; it has been logged
}

func newWatcher(logger *zap.Logger, interval time.Duration) *watcher {
	w := &watcher{logger: logger, interval: interval, folders: map[string]bool{}, refused: map[string]bool{}}
	if interval > 0 {
		return w
	}
	var err error
	if w.system, err = fsnotify.NewWatcher(); err != nil {
		logger.Warn("the system cannot tell of changed scripts, they are looked at instead", zap.Error(err), zap.Duration("interval", watchRetry))
		w.system, w.interval = nil, watchRetry
	}
	return w
}

func (w *watcher) close() {
	if w.system != nil {
		_ = w.system.Close()
	}
}

// follow watches the folders of files, and no others. It returns how soon the files should
// be looked at in any case; 0: never.
func (w *watcher) follow(files []string) time.Duration {
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
			again = watchRetry
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

// wait waits until something has changed and nothing more does, or more is told, or until
// interval is over, if there is one. It reports whether ctx goes on.
func (w *watcher) wait(ctx context.Context, interval time.Duration, more <-chan struct{}) bool {
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
			quiet = time.NewTimer(settle)
			defer quiet.Stop()
			timer = quiet.C
		} else if time.Since(began) < settleAtMost-settle {
			quiet.Reset(settle)
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
