package rover

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
)

var (
	errReplaced   = errors.New("the configuration has been replaced or is being stopped")
	errNoPrevious = errors.New("there is no previous version: the scripts have not been reloaded since the VM began")
)

// Reload loads the scripts of the handler's VM again, from their files, while requests go
// on: new requests get what was loaded, those in flight finish on what they began with.
// All scripts of the VM are reloaded, or none: an error has changed nothing but what
// on_reload, or the scripts' top level, changed in rover.state. Any goroutine may call it
// once the config has started.
func (h *Handler) Reload(ctx context.Context) error {
	for _, p := range h.app.programs {
		if p.vm == h.vm {
			return p.reload(ctx)
		}
	}
	return errNotStarted
}

// reload replaces the generations by what the files hold. Any goroutine may call it, once
// the config has started.
func (p *program) reload(ctx context.Context) error {
	return p.replace(ctx, false, p.readAll)
}

// readAll reads the scripts of all handlers, by path.
func (p *program) readAll() (map[string]luart.Sources, error) {
	from := map[string]luart.Sources{}
	for _, h := range p.handlers {
		if _, done := from[h.path]; done {
			continue
		}
		source, err := p.read(h.path)
		if err != nil {
			return nil, err
		}
		from[h.path] = luart.Sources{Script: source}
	}
	return from, nil
}

// rollback replaces the generations by what those before them were made of, whatever the
// files hold now. A second rollback undoes the first. Any goroutine may call it, once the
// config has started.
func (p *program) rollback(ctx context.Context) error {
	return p.replace(ctx, true, func() (map[string]luart.Sources, error) { return p.previous, nil })
}

// replace makes generations of sources and has them take over; back says that they are
// what was live before. It remembers and logs what went wrong.
func (p *program) replace(ctx context.Context, back bool, sources func() (map[string]luart.Sources, error)) error {
	p.app.reloading.Lock()
	defer p.app.reloading.Unlock()
	p.vm.reloading.Lock()
	defer p.vm.reloading.Unlock()
	if p.ended || p.app.running.Err() != nil || p.vm.current != p {
		return errReplaced
	}
	if back && !p.hasPrevious() {
		return errNoPrevious
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.app.running, cancel)()

	p.beginLoad(back)
	from, err := sources()
	old := p.version
	var next map[*Handler]*luart.Generation
	version := p.vm.takeNumber()
	if err == nil {
		next, err = p.make(ctx, version, old, from)
	}
	if err != nil {
		p.vm.giveBack(version)
		p.vm.ended(err)
		p.app.logger.Error("reload failed, the old scripts go on",
			zap.String("vm", p.vm.name), zap.Int("version", old), zap.Error(err))
		return err
	}
	was := make([]*luart.Generation, 0, len(p.handlers))
	for _, h := range p.handlers {
		was = append(was, h.live.Load())
	}
	p.start(next, version, p, back)
	p.app.logger.Info("scripts reloaded", zap.String("vm", p.vm.name), zap.Int("version", version))
	p.ready()
	stop(was)
	return nil
}

// make loads sources and looks whether they may take over from a version. When they may not,
// nothing is left of them.
func (p *program) make(ctx context.Context, version, old int, from map[string]luart.Sources) (next map[*Handler]*luart.Generation, err error) {
	next = make(map[*Handler]*luart.Generation, len(p.handlers))
	defer func() {
		if err != nil {
			for _, gen := range next {
				gen.Retire()
			}
		}
	}()
	for _, h := range p.handlers {
		if next[h], err = p.load(ctx, h, version, from[h.path]); err != nil {
			delete(next, h)
			return next, err
		}
	}
	for _, f := range p.app.functions {
		_, err = f.findIn(p.app.handlers, func(h *Handler) *luart.Generation {
			if gen := next[h]; gen != nil {
				return gen
			}
			return h.newest()
		})
		if err != nil {
			return next, fmt.Errorf("reloading: %w", err)
		}
	}
	return next, p.migrate(next, old)
}

// newest returns the handler's generation: what is live, or will be.
func (h *Handler) newest() *luart.Generation {
	if gen := h.live.Load(); gen != nil {
		return gen
	}
	return h.loaded
}
