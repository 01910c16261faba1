package scripts

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/caddy-rover/rover/luart/giveup"
)

// A config takes over what the one before it has loaded of a script, with its locals, timers and
// background work, if nothing has changed:
//
//  1. When a config is provisioned each of its scripts is loaded, or it is like one of the config
//     that runs: path and options are the same, and the files hold what runs.
//  2. When the config starts, and not before, it takes over what runs then of the scripts that its
//     own are like. The config before it still has it as well, and goes on with it if this one is
//     refused after all.
//  3. What several sets have is stopped with the last of them.
//  4. What belongs to a config and is used by what outlives it, govern hands over.

// loadAll is how many there are who want every script loaded.
var loadAll atomic.Int64

// LoadAll has configs that begin until done is called load all scripts, also those that have not
// changed. Any goroutine may call it.
func LoadAll() (done func()) {
	loadAll.Add(1)
	return func() { loadAll.Add(-1) }
}

// findLike returns a script of the config that runs whose generation may go on for script; nil if
// there is none.
func (s *Set) findLike(script *Script) *Script {
	before := s.vm.running()
	if before == nil || s.group.loadsAll || script.Options == "" {
		return nil
	}
	for _, other := range before.scripts {
		if !script.isLike(other) {
			continue
		}
		if changed, err := other.changedFiles(s.group.running); err == nil && len(changed) == 0 {
			return other
		}
	}
	return nil
}

// isLike reports whether two scripts are configured alike.
func (s *Script) isLike(other *Script) bool {
	return s.Options != "" && s.Options == other.Options && s.Path() == other.Path()
}

// changedFiles returns the files that hold something else than what is live was loaded from: the
// script, the modules that it has required until now, those that it has looked for in vain, databases.
// The error says that a disk does not answer. Any goroutine may call it.
func (s *Script) changedFiles(ctx context.Context) (changed []string, err error) {
	live := s.live.Load()
	if live == nil {
		return nil, ErrNotStarted
	}
	held := live.held(s)
	for _, path := range live.files.missing() {
		if _, loaded := held[path]; !loaded {
			held[path] = nil
		}
	}
	for path, was := range held {
		now, err := s.set.look(ctx, path)
		switch {
		case errors.Is(err, giveup.ErrNoAnswer):
			return nil, err
		case err != nil && was == nil: // still not there
		case err != nil || was == nil || !bytes.Equal(was, now):
			changed = append(changed, path)
		}
	}
	slices.Sort(changed)
	return changed, nil
}

// held returns what a generation was made of, by file, as look finds it. No source is nil.
func (l *loading) held(script *Script) map[string][]byte {
	sources := l.Sources()
	files := map[string][]byte{script.Path(): notNil(sources.Script)}
	for _, m := range sources.Modules {
		files[filepath.Join(filepath.Dir(script.Path()), m.Path)] = notNil(m.Source)
	}
	maps.Copy(files, l.geo.Stamps())
	return files
}

func notNil(source []byte) []byte {
	if source == nil {
		return []byte{}
	}
	return source
}

// pair returns which scripts of the set before go on as those of this one. Where several are
// alike, those do that stand in the same place: what one site keeps is not given to another. The
// caller holds vm.reloading.
func (s *Set) pair() map[*Script]*Script {
	pairs := map[*Script]*Script{}
	if s.before == nil {
		return pairs
	}
	for _, script := range s.scripts {
		if script.like == nil {
			continue
		}
		alike := func(others []*Script) (list []*Script) {
			for _, other := range others {
				if script.isLike(other) {
					list = append(list, other)
				}
			}
			return list
		}
		before := alike(s.before.scripts)
		if len(before) == 1 && len(alike(s.scripts)) == 1 {
			pairs[script] = before[0]
			continue
		}
		for _, other := range before {
			if script.Place != "" && script.Place == other.Place {
				pairs[script] = other
			}
		}
	}
	return pairs
}

// keep has the scripts of pairs run what the other ones do, and returns it. The caller holds
// vm.reloading.
func keep(pairs map[*Script]*Script) map[*Script]*loading {
	kept := make(map[*Script]*loading, len(pairs))
	for script, other := range pairs {
		live := other.live.Load()
		// The files hold this, whatever they held when it was loaded: it may have been a rollback.
		for path, source := range live.held(script) {
			live.files.opened(path, source)
		}
		script.log, kept[script] = other.log, live
	}
	return kept
}

// govern has what outlives a config do as the one of this set says. The caller holds vm.reloading.
func (s *Set) govern() {
	for _, script := range s.scripts {
		s.files.follow(script.live.Load().files)
		script.log.use(script.Settings.Logger)
		s.vm.log.use(script.Settings.Logger)
		if script.Limits != nil {
			s.vm.limit(*script.Limits)
		}
	}
	s.vm.saverLog.use(s.group.Logger)
}

// serves reports whether a set that has started and not stopped, other than except, runs a
// generation. Any goroutine may call it that does not hold reloading.
func (vm *VM) serves(l *loading, except *Set) bool {
	vm.reloading.Lock()
	defer vm.reloading.Unlock()
	return vm.servesElsewhere(l, except)
}

// servesElsewhere is serves for whoever holds reloading.
func (vm *VM) servesElsewhere(l *loading, except *Set) bool {
	for set := vm.current; set != nil; set = set.before {
		for _, script := range set.scripts {
			if set != except && script.live.Load().Generation == l.Generation {
				return true
			}
		}
	}
	return false
}

// alone returns those of some generations that nobody else runs. The caller holds vm.reloading.
func (s *Set) alone(list []*loading) (alone []*loading) {
	for _, l := range list {
		if !s.vm.servesElsewhere(l, nil) {
			alone = append(alone, l)
		}
	}
	return alone
}

// leave takes the set out of those that have started. The caller holds vm.reloading.
func (s *Set) leave() {
	s.stopped = true
	if s.vm.current == s {
		s.vm.setCurrent(s.before) // the config was refused, after all; or nothing follows
		if s.before != nil {
			s.before.govern()
		}
	}
	for after := s.vm.current; after != nil; after = after.before {
		if after.before == s {
			after.before = s.before
		}
	}
	s.before = nil
}
