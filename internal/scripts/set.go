package scripts

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/caddy-rover/rover/internal/watch"
	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// Set is the scripts of one config in one VM. A load makes a generation for each of them, and
// they take over together or not at all. When a config begins, scripts that have not changed go on
// with the generation of the config before: see keep.go.
type Set struct {
	group   *Group
	vm      *VM
	scripts []*Script
	persist *persistConfig // how what the VM keeps is saved; nil: it is not
	files   watchedFiles

	// These are guarded by vm.reloading, and change with mu held, too.
	mu         sync.Mutex
	version    int                       // of the newest generation; 0: none is loaded yet
	loadedAt   time.Time                 // when it took over; zero: it has not
	previous   map[string]module.Sources // what was live before, by path; nil: nothing else was
	rolledBack bool                      // they are what was live before
	kept       map[*Script]bool          // which go on since an earlier config

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

// add loads a script, unless the config that runs has loaded it.
func (s *Set) add(script *Script) error {
	script.set = s
	script.log = newMovableLog(script.Settings.Logger)
	if script.Persist != nil {
		if err := s.addPersist(script); err != nil {
			return err
		}
	}
	s.scripts = append(s.scripts, script)
	if script.like = s.findLike(script); script.like != nil {
		return nil
	}
	if s.version == 0 {
		s.version = s.vm.nextVersion()
	}
	source, err := s.read(script.Path())
	if err == nil {
		script.loaded, err = s.load(s.group.running, script, s.version, module.Sources{Script: source})
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
		s.files.recorder()(path, watch.Hash{})
		return nil, fmt.Errorf("reading script: %w", err)
	}
	s.files.recorder()(path, watch.HashOf(source))
	return source, nil
}

// look returns what tells a file from a later one in its place: what it holds, or the stamp of a
// database, which may be large. Any goroutine may call it once the group has started.
func (s *Set) look(ctx context.Context, path string) ([]byte, error) {
	if slices.ContainsFunc(s.scripts, func(script *Script) bool { return slices.Contains(script.Geo, path) }) {
		return s.vm.files.ReadBy(ctx, path, geo.Stamp)
	}
	return s.vm.files.Read(ctx, path)
}

// load makes a generation for a script.
func (s *Set) load(ctx context.Context, script *Script, version int, from module.Sources) (*loading, error) {
	files := newFileRecord(s.files.recorder())
	settings := script.Settings
	settings.Source, settings.Modules, settings.Version = from.Script, from.Modules, version
	settings.Opened = files.opened // on any goroutine, at any time
	settings.Logger = script.log.Logger
	databases, err := geo.Open(ctx, script.Geo, files.opened)
	if err != nil {
		return nil, fmt.Errorf("loading script %q: %w", script.Path(), err)
	}
	if len(databases) > 0 {
		settings.Geo = databases
	}
	gen, err := s.vm.Load(ctx, settings)
	if err == nil {
		return &loading{gen, files, databases}, nil
	}
	return nil, fmt.Errorf("loading script %q: %w%s", script.Path(), err, scripterror.Details(err))
}

// activate has what was loaded take over, and what goes on: the config has been taken.
func (s *Set) activate() error {
	s.group.reloading.Lock()
	defer s.group.reloading.Unlock()
	vm := s.vm
	vm.reloading.Lock()
	defer vm.reloading.Unlock()
	s.before = vm.current
	pairs := s.pair()
	next, err := s.takeOver(keep(pairs))
	if err != nil {
		vm.recordReload(err)
		return err
	}
	kept := make(map[*Script]bool, len(pairs))
	for script := range pairs {
		kept[script] = true
	}
	s.swap(next, kept, s.version, s.before, false)
	for _, script := range s.scripts {
		script.loaded, script.like = nil, nil
	}
	vm.activated(s.persist)
	if watch, interval := s.watched(); watch {
		s.group.work.Go(func() { s.watch(s.group.running, interval) })
	}
	return nil
}

// takeOver returns what is to be live: what goes on, kept, and what was loaded, ready to take over
// from the set before. The caller holds group.reloading and vm.reloading.
func (s *Set) takeOver(kept map[*Script]*loading) (map[*Script]*loading, error) {
	next := maps.Clone(kept)
	fresh := slices.DeleteFunc(slices.Clone(s.scripts), func(script *Script) bool { return kept[script] != nil })
	old := 0
	if s.before != nil {
		old = s.before.version
	}
	if len(fresh) > 0 && (old > s.version || slices.ContainsFunc(fresh, func(script *Script) bool { return script.loaded == nil })) {
		return next, s.loadAgain(fresh, next, old)
	}
	for _, script := range fresh {
		next[script] = script.loaded
	}
	if len(kept) > 0 { // they may have been reloaded since the group has looked
		if err := s.group.check(next); err != nil {
			return nil, err
		}
	}
	if len(fresh) == 0 && s.before != nil {
		s.version = old
	}
	return next, s.migrate(fresh, next, old)
}

// loadAgain loads scripts from their files once more, as a new version, into next, and makes them
// ready to take over from a version. What was live has been reloaded since they were loaded for a
// config, and would be replaced by what may be older; or they were to go on, and what they were to
// go on with has gone. The caller holds group.reloading and vm.reloading.
func (s *Set) loadAgain(scripts []*Script, next map[*Script]*loading, old int) error {
	s.files.beginLoad(false)
	from, err := s.readAll(scripts)
	if err != nil {
		return err
	}
	version := s.vm.nextVersion()
	if err := s.loadAll(s.group.running, scripts, next, version, old, from); err != nil {
		s.vm.releaseVersion(version)
		return err
	}
	for _, script := range scripts {
		if script.loaded != nil {
			script.loaded.Retire()
		}
	}
	s.version = version
	return nil
}

// migrate runs the on_reload hooks of generations that are to take over from a version; 0 is none.
// The caller holds vm.reloading.
func (s *Set) migrate(scripts []*Script, next map[*Script]*loading, from int) error {
	if from == 0 {
		return nil
	}
	for _, script := range scripts {
		if err := next[script].Migrate(s.group.running, from); err != nil {
			return fmt.Errorf("reloading script %q: %w%s", script.Path(), err, scripterror.Details(err))
		}
	}
	return nil
}

// swap begins the work of generations, and has them take over from what is live in a
// set, the same one or that of another config; nil is none. back says that they are
// what was live before that. What goes on of it, kept, has begun. The caller holds vm.reloading.
func (s *Set) swap(next map[*Script]*loading, kept map[*Script]bool, version int, from *Set, back bool) {
	for _, script := range s.scripts {
		next[script].Start(s.group.running)
	}
	previous, loadedAt, rolledBack := map[string]module.Sources(nil), time.Now(), false
	switch {
	case from != nil && len(kept) == len(s.scripts):
		previous, loadedAt, rolledBack = from.previous, from.loadedAt, from.rolledBack
		s.vm.recordKept()
	case from != nil:
		previous, rolledBack = from.previous, back && !from.rolledBack
		if was := from.sources(); back || !s.same(next, was) {
			previous = was
		}
		s.vm.recordReload(nil)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version, s.previous, s.loadedAt, s.rolledBack, s.kept = version, previous, loadedAt, rolledBack, kept
	s.files.loaded()
	for _, script := range s.scripts {
		script.live.Store(next[script])
	}
	s.vm.setCurrent(s)
	if from != s {
		s.govern()
	}
}

// same reports whether generations were made of the same files as others. Modules that
// only the others have required, for requests, are compared with what is on disk.
func (s *Set) same(next map[*Script]*loading, as map[string]module.Sources) bool {
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

// Ready runs the on_ready hooks, of what goes on since an earlier config not once more. Any
// goroutine may call it.
func (s *Set) Ready() { s.ready(context.Background()) }

// ready is Ready that ends with ctx.
func (s *Set) ready(ctx context.Context) {
	for _, script := range s.scripts {
		script.live.Load().Ready(ctx)
	}
}

// sources returns what is live was made of, by the path of the script. The caller holds
// vm.reloading.
func (s *Set) sources() map[string]module.Sources {
	list := make(map[string]module.Sources, len(s.scripts))
	for _, script := range s.scripts {
		list[script.Path()] = script.live.Load().Sources()
	}
	return list
}

// stop runs the on_stop hooks and ends the background work, but of what another config has taken
// over. What serves requests goes on.
func (s *Set) stop() {
	vm := s.vm
	vm.reloading.Lock()
	defer vm.reloading.Unlock()
	if s.stopped || s.loadedAt.IsZero() {
		return
	}
	s.leave()
	stopGenerations(vm, s.alone(s.live()), vm.current == nil, stopGrace)
	vm.released(s.persist, vm.current == nil)
}

// live returns what serves.
func (s *Set) live() []*loading {
	live := make([]*loading, 0, len(s.scripts))
	for _, script := range s.scripts {
		live = append(live, script.live.Load())
	}
	return live
}

// cleanup forgets the set. If it was not stopped the one before it goes on. Any goroutine may call
// it.
func (s *Set) cleanup() {
	s.vm.reloading.Lock()
	defer s.vm.reloading.Unlock()
	switch {
	case s.loadedAt.IsZero():
		s.vm.releaseVersion(s.version)
	case !s.stopped:
		s.leave()
	}
}

// stopGenerations ends them: on_stop, within a grace. If the VM ends with them, what runs in it then and
// keeps it from doing that is ended, too.
func stopGenerations(vm *VM, list []*loading, ends bool, grace time.Duration) {
	inGrace, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var interrupting sync.WaitGroup
	defer interrupting.Wait()
	stopping, stopped := context.WithCancel(context.Background())
	defer stopped()
	if ends {
		interrupting.Go(func() { interruptAfter(inGrace, stopping, vm) })
	}
	for _, l := range list {
		l.Stop(inGrace)
	}
}

// interruptEvery is how long what runs has the VM then: an on_stop whose wait is over cleans up.
const interruptEvery = time.Second

// interruptAfter ends what runs in a VM some time after grace has ended, and what runs next, until stopping
// ends.
func interruptAfter(grace, stopping context.Context, vm *VM) {
	select {
	case <-grace.Done():
	case <-stopping.Done():
	}
	for {
		select {
		case <-time.After(interruptEvery):
			vm.Interrupt(stopping)
		case <-stopping.Done():
			return
		}
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
