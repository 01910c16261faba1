package scripts

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/module"
)

// ErrNoPrevious is the error of a rollback where there was no reload.
var ErrNoPrevious = errors.New("there is no previous version: no reload has changed the scripts")

// Reload loads the scripts again, from their files, while requests go on: new requests get what
// was loaded, those in flight finish on what they began with. All scripts of the set are
// reloaded, or none: an error has changed nothing but what on_reload, or the scripts' top level,
// changed in rover.state. Any goroutine may call it once the config has started.
func (s *Set) Reload(ctx context.Context) error {
	return s.replace(ctx, false, func() (map[string]module.Sources, error) { return s.readAll(s.scripts) })
}

// readAll reads scripts by path.
func (s *Set) readAll(scripts []*Script) (map[string]module.Sources, error) {
	from := map[string]module.Sources{}
	for _, script := range scripts {
		if _, done := from[script.Path()]; done {
			continue
		}
		source, err := s.read(script.Path())
		if err != nil {
			return nil, err
		}
		from[script.Path()] = module.Sources{Script: source}
	}
	return from, nil
}

// Rollback replaces the generations by what those before them were made of, whatever the
// files hold now. A second rollback undoes the first. Any goroutine may call it, once the
// config has started.
func (s *Set) Rollback(ctx context.Context) error {
	return s.replace(ctx, true, func() (map[string]module.Sources, error) { return s.previous, nil })
}

// replace makes generations of sources and has them take over; back says that they are
// what was live before. It remembers and logs what went wrong.
func (s *Set) replace(ctx context.Context, back bool, sources func() (map[string]module.Sources, error)) error {
	s.group.reloading.Lock()
	defer s.group.reloading.Unlock()
	s.vm.reloading.Lock()
	defer s.vm.reloading.Unlock()
	if s.stopped || s.group.running.Err() != nil || s.vm.current != s {
		return ErrReplaced
	}
	if back && !s.hasPrevious() {
		return ErrNoPrevious
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.group.running, cancel)()

	s.files.beginLoad(back)
	from, err := sources()
	old := s.version
	next := map[*Script]*loading{}
	version := s.vm.nextVersion()
	if err == nil {
		err = s.loadAll(ctx, s.scripts, next, version, old, from)
	}
	if err != nil {
		s.vm.releaseVersion(version)
		s.vm.recordReload(err)
		s.group.Logger.Error("reload failed, the old scripts go on",
			zap.String("vm", s.vm.Name), zap.Int("version", old), zap.Error(err))
		return err
	}
	was := s.live()
	s.swap(next, nil, version, s, back)
	s.group.Logger.Info("scripts reloaded", zap.String("vm", s.vm.Name), zap.Int("version", version))
	s.ready(s.group.running)
	select {
	case s.group.reloaded <- struct{}{}:
	default:
	}
	stopGenerations(s.vm, s.alone(was), false, stopGrace) // the config before may yet go on with what it has handed over
	return nil
}

// loadAll loads scripts from sources into next, where those are that go on, and looks whether all
// may take over from a version. When they may not, nothing is left of what it has loaded.
func (s *Set) loadAll(ctx context.Context, scripts []*Script, next map[*Script]*loading, version, old int, from map[string]module.Sources) (err error) {
	var loaded []*loading
	defer func() {
		if err != nil {
			for _, l := range loaded {
				l.Retire()
			}
		}
	}()
	for _, script := range scripts {
		l, err := s.load(ctx, script, version, from[script.Path()])
		if err != nil {
			return err
		}
		loaded, next[script] = append(loaded, l), l
	}
	if err := s.group.check(next); err != nil {
		return fmt.Errorf("reloading: %w", err)
	}
	return s.migrate(scripts, next, old)
}
