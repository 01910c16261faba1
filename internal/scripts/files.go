package scripts

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/caddy-rover/rover/internal/watch"
	"github.com/caddy-rover/rover/luart/giveup"
)

// openedFiles are the files that a load, and what it has loaded, has opened or looked for, and
// what they held. Older versions that still run have their own, which nobody looks at.
type openedFiles map[string]watch.Hash

// watchedFiles are the files for which a set is reloaded. Any goroutine may use it.
type watchedFiles struct {
	more chan struct{} // told when there are more of them

	mu     sync.Mutex  // guards the rest
	opened openedFiles // by what is live
	tried  openedFiles // by the load that is under way, or was refused last; nil: it is live
	looked openedFiles // what the watcher has found in them since
}

func newWatchedFiles() watchedFiles { return watchedFiles{more: make(chan struct{}, 1)} }

// beginLoad has recorder remember files of their own. back says that what was live before is loaded
// from memory: the files for which watch reloads are those that are there now.
func (f *watchedFiles) beginLoad(back bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	files := openedFiles{}
	if back {
		maps.Copy(files, f.opened)
		maps.Copy(files, f.tried)
	}
	f.tried = files
}

// loaded says that what was loaded is live.
func (f *watchedFiles) loaded() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened, f.tried, f.looked = f.tried, nil, nil
}

// recorder returns what remembers what a file held when it was opened. The file is one of the load
// that is under way now.
func (f *watchedFiles) recorder() func(path string, held watch.Hash) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.recorderOf(f.tried)
}

// recorderOf is recorder for files of a load. The caller holds mu.
func (f *watchedFiles) recorderOf(files openedFiles) func(path string, held watch.Hash) {
	return func(path string, held watch.Hash) {
		f.mu.Lock()
		defer f.mu.Unlock()
		_, known := files[path]
		files[path] = held
		if !known {
			select {
			case f.more <- struct{}{}:
			default:
			}
		}
	}
}

// follow has the files looked at of something that is live, whoever has loaded it.
func (f *watchedFiles) follow(r *fileRecord) {
	f.mu.Lock()
	live := f.opened
	tell := f.recorderOf(live)
	f.mu.Unlock()
	for path, held := range r.tellTo(tell) {
		tell(path, held)
	}
}

// fileRecord is what the files held that a generation has opened or looked for. It goes with the
// generation, and tells the set that runs it. Any goroutine may use it.
type fileRecord struct {
	mu    sync.Mutex
	files openedFiles
	tell  func(path string, held watch.Hash)
}

func newFileRecord(tell func(path string, held watch.Hash)) *fileRecord {
	return &fileRecord{files: openedFiles{}, tell: tell}
}

// opened remembers what a file held when it was opened; nil: it is not there.
func (r *fileRecord) opened(path string, source []byte) {
	held := watch.HashOf(source)
	r.mu.Lock()
	r.files[path] = held
	tell := r.tell
	r.mu.Unlock()
	tell(path, held)
}

// tellTo has tell told from now on, and returns what there is until now.
func (r *fileRecord) tellTo(tell func(path string, held watch.Hash)) openedFiles {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell = tell
	return maps.Clone(r.files)
}

// missing returns the files that were looked for and were not there.
func (r *fileRecord) missing() (paths []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for path, held := range r.files {
		if held == (watch.Hash{}) {
			paths = append(paths, path)
		}
	}
	return paths
}

// list returns the files that what is live was loaded from, or has looked for, and those of a
// load that was refused: what mends it is seen.
func (f *watchedFiles) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Collect(maps.Keys(f.opened))
	for path := range f.tried {
		if _, ok := f.opened[path]; !ok {
			list = append(list, path)
		}
	}
	return list
}

// changed reports whether a file holds something else than when it was loaded, and than
// when changed reported so last: what cannot be loaded is tried once. gone says that one
// that was there is missing, and nothing is decided yet; with final that is a change as
// any other. read reads a file, as Set.look does. Not safe for concurrent use.
func (f *watchedFiles) changed(ctx context.Context, read func(context.Context, string) ([]byte, error), final bool) (gone, changed bool) {
	now := openedFiles{}
	for _, path := range f.list() {
		source, err := read(ctx, path)
		if errors.Is(err, giveup.ErrNoAnswer) {
			return false, false // nobody knows
		}
		now[path] = watch.HashOf(source)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looked == nil {
		f.looked = openedFiles{}
	}
	news := openedFiles{}
	for path, hash := range now {
		was, ok := f.tried[path]
		if !ok {
			if was, ok = f.opened[path]; !ok {
				continue // another load is live by now, which has not opened it
			}
		}
		if looked, ok := f.looked[path]; hash == was || ok && hash == looked {
			continue
		}
		if news[path] = hash; hash == (watch.Hash{}) && !final {
			gone = true
		}
	}
	if gone {
		return true, false
	}
	maps.Copy(f.looked, news)
	return false, len(news) > 0
}

// forgetLooked has changed report again what it has reported since the last load.
func (f *watchedFiles) forgetLooked() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = nil
}
