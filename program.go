package rover

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart"
)

// program is what the handlers of one config run in one VM. A load makes a generation for
// each of them, and they take over together or not at all.
type program struct {
	app      *App
	vm       *sharedVM
	handlers []*Handler
	keeping  *keeping // how rover.state is saved; nil: it is not

	mu     sync.Mutex            // guards the next three
	opened openedFiles           // by what is live
	tried  openedFiles           // by the load that is under way, or was refused last; nil: it is live
	looked map[string]sourceHash // what the watcher has found in them since
	more   chan struct{}         // told when there are more of them

	// These are guarded by vm.reloading, and change with mu held, too.
	version  int                      // of the generations
	loadedAt time.Time                // when they took over; zero: they have not
	previous map[string]luart.Sources // what was live before, by path; nil: nothing else was

	// The rest is guarded by vm.reloading.
	before *program // which this one took over from, as long as that may go on when this one is refused
	ended  bool
}

// sourceHash is what a file held. The zero value is a file that is not there.
type sourceHash = [sha256.Size]byte

// openedFiles are the files that a load, and what it has loaded, has opened or looked for, and
// what they held. Older versions that still run have their own, which nobody looks at.
type openedFiles map[string]sourceHash

// hashSource returns the hash of a file's content; nil is none.
func hashSource(source []byte) sourceHash {
	if source == nil {
		return sourceHash{}
	}
	return sha256.Sum256(source)
}

// add loads the script of a handler.
func (p *program) add(h *Handler) error {
	if h.Persist != nil {
		if err := p.keep(h); err != nil {
			return err
		}
	}
	p.handlers = append(p.handlers, h)
	source, err := p.read(h.path)
	if err == nil {
		h.loaded, err = p.load(h.app.running, h, p.version, luart.Sources{Script: source})
	}
	if err != nil && p.version > 1 { // it is a reload
		p.vm.ended(err)
	}
	return err
}

// read reads the script in a file.
func (p *program) read(path string) ([]byte, error) {
	source, err := p.vm.files.read(p.app.running, path)
	if err != nil {
		p.note(path, nil)
		return nil, fmt.Errorf("reading script: %w", err)
	}
	p.note(path, source)
	return source, nil
}

// beginLoad has read and load remember files of their own. back says that they will load what
// was live before from memory: the files for which watch reloads are those that are there now.
// The caller holds vm.reloading, or nobody knows the program yet.
func (p *program) beginLoad(back bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	files := openedFiles{}
	if back {
		maps.Copy(files, p.opened)
		maps.Copy(files, p.tried)
	}
	p.tried = files
}

// note remembers what a file held when it was loaded, by the load that is under way.
func (p *program) note(path string, source []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteIn(p.tried, path, source)
}

// noteIn is note for one of the loads. The caller holds mu.
func (p *program) noteIn(files openedFiles, path string, source []byte) {
	_, known := files[path]
	files[path] = hashSource(source)
	if !known {
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

// load makes a generation for a handler.
func (p *program) load(ctx context.Context, h *Handler, version int, from luart.Sources) (*luart.Generation, error) {
	s := h.settings
	s.Source, s.Modules, s.Version = from.Script, from.Modules, version
	p.mu.Lock()
	files := p.tried
	p.mu.Unlock()
	s.Opened = func(path string, source []byte) { // any goroutine, at any time
		p.mu.Lock()
		defer p.mu.Unlock()
		p.noteIn(files, path, source)
	}
	gen, err := p.vm.Load(ctx, s)
	if err == nil {
		return gen, nil
	}
	return nil, fmt.Errorf("loading script %q: %w%s", h.path, err, luart.Details(err))
}

// begin has what was loaded take over: the config has been taken.
func (p *program) begin() error {
	p.app.reloading.Lock()
	defer p.app.reloading.Unlock()
	vm := p.vm
	vm.reloading.Lock()
	defer vm.reloading.Unlock()
	p.before = vm.current
	next := make(map[*Handler]*luart.Generation, len(p.handlers))
	for _, h := range p.handlers {
		next[h] = h.loaded
	}
	if p.before != nil {
		var err error
		if p.before.version > p.version {
			next, err = p.loadAgain(p.before.version)
		} else {
			err = p.migrate(next, p.before.version)
		}
		if err != nil {
			vm.ended(err)
			return err
		}
	}
	p.start(next, p.version, p.before, false)
	for _, h := range p.handlers {
		h.loaded = nil
	}
	vm.began(p.keeping, p.app.logger)
	if watch, interval := p.watched(); watch {
		p.app.work.Go(func() { p.watch(p.app.running, interval) })
	}
	return nil
}

// loadAgain loads the scripts from their files once more, as a new version: what was live has
// been reloaded since they were loaded for a config, and would be replaced by what may be older.
// It makes them ready to take over from a version. The caller holds app.reloading and
// vm.reloading.
func (p *program) loadAgain(old int) (map[*Handler]*luart.Generation, error) {
	p.beginLoad(false)
	from, err := p.readAll()
	if err != nil {
		return nil, err
	}
	version := p.vm.takeNumber()
	next, err := p.make(p.app.running, version, old, from)
	if err != nil {
		p.vm.giveBack(version)
		return nil, err
	}
	for _, h := range p.handlers {
		h.loaded.Retire()
	}
	p.version = version
	return next, nil
}

// migrate runs the on_reload hooks of generations that are to take over. The caller holds
// vm.reloading.
func (p *program) migrate(next map[*Handler]*luart.Generation, from int) error {
	for _, h := range p.handlers {
		if err := next[h].Migrate(p.app.running, from); err != nil {
			return fmt.Errorf("reloading script %q: %w%s", h.path, err, luart.Details(err))
		}
	}
	return nil
}

// start begins the work of generations, and has them take over from what is live in a
// program, the same one or that of another config; nil is none. back says that they are
// what was live before that. The caller holds vm.reloading.
func (p *program) start(next map[*Handler]*luart.Generation, version int, from *program, back bool) {
	for _, h := range p.handlers {
		next[h].Start(p.app.running)
	}
	var previous map[string]luart.Sources
	if from != nil {
		previous = from.previous
		if was := from.sources(); back || !p.same(next, was) {
			previous = was
		}
		p.vm.ended(nil)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version, p.previous, p.loadedAt = version, previous, time.Now()
	p.opened, p.tried, p.looked = p.tried, nil, nil
	for _, h := range p.handlers {
		h.live.Store(next[h])
	}
	p.vm.setCurrent(p)
}

// same reports whether generations were made of the same files as others. Modules that
// only the others have required, for requests, are compared with what is on disk.
func (p *program) same(next map[*Handler]*luart.Generation, as map[string]luart.Sources) bool {
	for _, h := range p.handlers {
		now, was := next[h].Sources(), as[h.path]
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
			source, err := p.vm.files.read(p.app.running, filepath.Join(filepath.Dir(h.path), old.Path))
			if err != nil || !bytes.Equal(old.Source, source) {
				return false
			}
		}
	}
	return true
}

// ready runs the on_ready hooks. Any goroutine may call it.
func (p *program) ready() {
	for _, h := range p.handlers {
		h.live.Load().Ready(p.app.running)
	}
}

// sources returns what is live was made of, by the path of the script. The caller holds
// vm.reloading.
func (p *program) sources() map[string]luart.Sources {
	list := make(map[string]luart.Sources, len(p.handlers))
	for _, h := range p.handlers {
		list[h.path] = h.live.Load().Sources()
	}
	return list
}

// end runs the on_stop hooks and ends the background work. What serves requests goes on.
func (p *program) end() {
	vm := p.vm
	vm.reloading.Lock()
	defer vm.reloading.Unlock()
	if p.ended || p.loadedAt.IsZero() {
		return
	}
	p.ended = true
	if vm.current == p {
		vm.setCurrent(p.before) // the config was refused, after all; or nothing follows
	}
	for after := vm.current; after != nil; after = after.before {
		if after.before == p {
			after.before = p.before
		}
	}
	p.before = nil
	live := make([]*luart.Generation, 0, len(p.handlers))
	for _, h := range p.handlers {
		live = append(live, h.live.Load())
	}
	stop(live)
	if p.keeping != nil {
		vm.kept().release(p.keeping, vm.current == nil)
	}
}

// stop ends generations: on_stop, within stopGrace.
func stop(gens []*luart.Generation) {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	for _, gen := range gens {
		gen.Stop(ctx)
	}
}

// status is what an operator is told of a program.
type status struct {
	VM       string    `json:"vm"`
	Scripts  []string  `json:"scripts"`
	Version  int       `json:"version"`
	LoadedAt time.Time `json:"loaded_at"`
	Watch    bool      `json:"watch"`

	// Whether there is a version that rollback returns to.
	Rollback bool `json:"rollback"`

	Reloads reloads `json:"reloads"`

	// How rover.state is saved; nil if it is not.
	Persist *persistStatus `json:"persist,omitempty"`

	// Why the last reload was refused; nil if it was not.
	LastError *failure `json:"last_error,omitempty"`
}

// status returns what the program is now. Any goroutine may call it.
func (p *program) status() status {
	s := status{VM: p.vm.name}
	s.Reloads, _ = p.vm.reloads()
	s.LastError = s.Reloads.last
	s.Watch, _ = p.watched()
	s.Persist = p.persisted()
	for _, h := range p.handlers {
		if !slices.Contains(s.Scripts, h.path) {
			s.Scripts = append(s.Scripts, h.path)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Version, s.LoadedAt = p.version, p.loadedAt
	s.Rollback = p.hasPrevious()
	return s
}

// hasPrevious reports whether rollback is possible. The caller holds mu or vm.reloading.
func (p *program) hasPrevious() bool {
	for _, h := range p.handlers {
		if _, ok := p.previous[h.path]; !ok {
			return false
		}
	}
	return true
}
