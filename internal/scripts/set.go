package scripts

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart"
)

// Set is the scripts of one config in one VM. A load makes a generation for each of them, and
// they take over together or not at all.
type Set struct {
	group   *Group
	vm      *VM
	scripts []*Script
	persist *persistConfig // how rover.state is saved; nil: it is not
	files   watchedFiles

	// These are guarded by vm.reloading, and change with mu held, too.
	mu       sync.Mutex
	version  int                      // of the generations
	loadedAt time.Time                // when they took over; zero: they have not
	previous map[string]luart.Sources // what was live before, by path; nil: nothing else was

	// The rest is guarded by vm.reloading.
	before  *Set // which this one took over from, as long as that may go on when this one is refused
	stopped bool
}

// VM returns the VM that the scripts run in. Any goroutine may call it.
func (s *Set) VM() *VM { return s.vm }

// Scripts returns the scripts of the set, one for each directive: a file may be there twice. Any
// goroutine may call it once the group has started.
func (s *Set) Scripts() []*Script { return s.scripts }

// Files returns the files for which the set is reloaded, if it is watched. Any goroutine may call
// it.
func (s *Set) Files() []string { return s.files.list() }

// add loads a script.
func (s *Set) add(script *Script) error {
	script.set = s
	if script.Persist != nil {
		if err := s.addPersist(script); err != nil {
			return err
		}
	}
	s.scripts = append(s.scripts, script)
	source, err := s.read(script.Path())
	if err == nil {
		script.loaded, err = s.load(s.group.running, script, s.version, luart.Sources{Script: source})
	}
	if err != nil && s.version > 1 { // it is a reload
		s.vm.recordReload(err)
	}
	return err
}

// read reads the script in a file.
func (s *Set) read(path string) ([]byte, error) {
	source, err := s.vm.files.Read(s.group.running, path)
	if err != nil {
		s.files.recorder()(path, nil)
		return nil, fmt.Errorf("reading script: %w", err)
	}
	s.files.recorder()(path, source)
	return source, nil
}

// load makes a generation for a script.
func (s *Set) load(ctx context.Context, script *Script, version int, from luart.Sources) (*luart.Generation, error) {
	settings := script.Settings
	settings.Source, settings.Modules, settings.Version = from.Script, from.Modules, version
	settings.Opened = s.files.recorder() // on any goroutine, at any time
	gen, err := s.vm.Load(ctx, settings)
	if err == nil {
		return gen, nil
	}
	return nil, fmt.Errorf("loading script %q: %w%s", script.Path(), err, luart.Details(err))
}

// activate has what was loaded take over: the config has been taken.
func (s *Set) activate() error {
	s.group.reloading.Lock()
	defer s.group.reloading.Unlock()
	vm := s.vm
	vm.reloading.Lock()
	defer vm.reloading.Unlock()
	s.before = vm.current
	next := make(map[*Script]*luart.Generation, len(s.scripts))
	for _, script := range s.scripts {
		next[script] = script.loaded
	}
	if s.before != nil {
		var err error
		if s.before.version > s.version {
			next, err = s.loadAgain(s.before.version)
		} else {
			err = s.migrate(next, s.before.version)
		}
		if err != nil {
			vm.recordReload(err)
			return err
		}
	}
	s.swap(next, s.version, s.before, false)
	for _, script := range s.scripts {
		script.loaded = nil
	}
	vm.activated(s.persist, s.group.Logger)
	if watch, interval := s.watched(); watch {
		s.group.work.Go(func() { s.watch(s.group.running, interval) })
	}
	return nil
}

// loadAgain loads the scripts from their files once more, as a new version: what was live has
// been reloaded since they were loaded for a config, and would be replaced by what may be older.
// It makes them ready to take over from a version. The caller holds group.reloading and
// vm.reloading.
func (s *Set) loadAgain(old int) (map[*Script]*luart.Generation, error) {
	s.files.beginLoad(false)
	from, err := s.readAll()
	if err != nil {
		return nil, err
	}
	version := s.vm.nextVersion()
	next, err := s.loadAll(s.group.running, version, old, from)
	if err != nil {
		s.vm.releaseVersion(version)
		return nil, err
	}
	for _, script := range s.scripts {
		script.loaded.Retire()
	}
	s.version = version
	return next, nil
}

// migrate runs the on_reload hooks of generations that are to take over. The caller holds
// vm.reloading.
func (s *Set) migrate(next map[*Script]*luart.Generation, from int) error {
	for _, script := range s.scripts {
		if err := next[script].Migrate(s.group.running, from); err != nil {
			return fmt.Errorf("reloading script %q: %w%s", script.Path(), err, luart.Details(err))
		}
	}
	return nil
}

// swap begins the work of generations, and has them take over from what is live in a
// set, the same one or that of another config; nil is none. back says that they are
// what was live before that. The caller holds vm.reloading.
func (s *Set) swap(next map[*Script]*luart.Generation, version int, from *Set, back bool) {
	for _, script := range s.scripts {
		next[script].Start(s.group.running)
	}
	var previous map[string]luart.Sources
	if from != nil {
		previous = from.previous
		if was := from.sources(); back || !s.same(next, was) {
			previous = was
		}
		s.vm.recordReload(nil)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version, s.previous, s.loadedAt = version, previous, time.Now()
	s.files.loaded()
	for _, script := range s.scripts {
		script.live.Store(next[script])
	}
	s.vm.setCurrent(s)
}

// same reports whether generations were made of the same files as others. Modules that
// only the others have required, for requests, are compared with what is on disk.
func (s *Set) same(next map[*Script]*luart.Generation, as map[string]luart.Sources) bool {
	for _, script := range s.scripts {
		now, was := next[script].Sources(), as[script.Path()]
		if !bytes.Equal(now.Script, was.Script) {
			return false
		}
		for name, m := range now.Modules {
			if old, ok := was.Modules[name]; !ok || old.Path != m.Path || !bytes.Equal(m.Source, old.Source) {
				return false
			}
		}
		for name, old := range was.Modules {
			if _, ok := now.Modules[name]; ok {
				continue
			}
			source, err := s.vm.files.Read(s.group.running, filepath.Join(filepath.Dir(script.Path()), old.Path))
			if err != nil || !bytes.Equal(old.Source, source) {
				return false
			}
		}
	}
	return true
}

// Ready runs the on_ready hooks. Any goroutine may call it.
func (s *Set) Ready() {
	for _, script := range s.scripts {
		script.live.Load().Ready(s.group.running)
	}
}

// sources returns what is live was made of, by the path of the script. The caller holds
// vm.reloading.
func (s *Set) sources() map[string]luart.Sources {
	list := make(map[string]luart.Sources, len(s.scripts))
	for _, script := range s.scripts {
		list[script.Path()] = script.live.Load().Sources()
	}
	return list
}

// stop runs the on_stop hooks and ends the background work. What serves requests goes on.
func (s *Set) stop() {
	vm := s.vm
	vm.reloading.Lock()
	defer vm.reloading.Unlock()
	if s.stopped || s.loadedAt.IsZero() {
		return
	}
	s.stopped = true
	if vm.current == s {
		vm.setCurrent(s.before) // the config was refused, after all; or nothing follows
	}
	for after := vm.current; after != nil; after = after.before {
		if after.before == s {
			after.before = s.before
		}
	}
	s.before = nil
	live := make([]*luart.Generation, 0, len(s.scripts))
	for _, script := range s.scripts {
		live = append(live, script.live.Load())
	}
	stopGenerations(live)
	if s.persist != nil {
		vm.stateSaver().release(s.persist, vm.current == nil)
	}
}

// stopGenerations ends them: on_stop, within stopGrace.
func stopGenerations(gens []*luart.Generation) {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	for _, gen := range gens {
		gen.Stop(ctx)
	}
}

// hasPrevious reports whether rollback is possible. The caller holds mu or vm.reloading.
func (s *Set) hasPrevious() bool {
	for _, script := range s.scripts {
		if _, ok := s.previous[script.Path()]; !ok {
			return false
		}
	}
	return true
}
