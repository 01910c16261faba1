package luart

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/stdlib"
	"github.com/caddy-rover/rover/luart/store"
)

// libraryStates is what libraries keep in a VM from one generation to the next.
type libraryStates struct {
	mu     sync.Mutex     // guards byName, which the holder alone changes
	byName map[string]any // nil for a library that keeps nothing
}

// LibraryState returns what the library of a name keeps in the VM, nil if it keeps nothing or no
// script has had it yet. Any goroutine may call it; what it may do with the state the library
// says.
func (vm *VM) LibraryState(name string) any {
	vm.libraries.mu.Lock()
	defer vm.libraries.mu.Unlock()
	return vm.libraries.byName[name]
}

// libraryState is LibraryState for a generation that has the library.
func (vm *VM) libraryState(l *lib.Library) (any, error) {
	if l.NewState == nil {
		return nil, nil
	}
	if s := vm.LibraryState(l.Name); s != nil {
		return s, nil
	}
	L := vm.main
	defer func(env *lua.LTable) { L.Env = env }(L.Env)
	L.Env = L.G.Global // the functions of types outlive the generation
	s := l.NewState(vmOfLibrary{vm})
	if s == nil {
		return nil, errors.New("its state is nil")
	}
	vm.libraries.mu.Lock()
	defer vm.libraries.mu.Unlock()
	if vm.libraries.byName == nil {
		vm.libraries.byName = map[string]any{}
	}
	vm.libraries.byName[l.Name] = s
	return s, nil
}

// keptByLibraries lists what libraries keep for scripts. Only the holder may call it.
func (vm *VM) keptByLibraries() (list []lib.Kept) {
	for _, state := range vm.libraries.byName {
		if keeper, ok := state.(lib.Keeper); ok {
			vm.guardLibrary(func() { list = append(list, keeper.Keeps()...) })
		}
	}
	for name, kept := range map[string]*store.Memory{"rover.store": vm.kept, "api.idempotent": vm.answers} {
		list = append(list, lib.Kept{Name: name, Expire: kept.Sweep, Size: func() (bytes, items int) {
			s := kept.Status()
			return int(s.Bytes), s.Items
		}})
	}
	return list
}

// countedByLibraries returns how many things there are that libraries count. Only the holder may
// call it.
func (vm *VM) countedByLibraries() map[string]int {
	all := map[string]int{}
	for _, state := range vm.libraries.byName {
		if counter, ok := state.(lib.Counter); ok {
			vm.guardLibrary(func() {
				what, n := counter.Counts()
				all[what] += n
			})
		}
	}
	return all
}

// closeLibraries closes what libraries keep that is an io.Closer. No Lua must run any more.
func (vm *VM) closeLibraries() {
	for name, state := range vm.libraries.byName {
		if c, ok := state.(io.Closer); ok {
			vm.guardLibrary(func() {
				if err := c.Close(); err != nil {
					vm.logger.Error("a library could not be closed", zap.String("library", name), zap.Error(err))
				}
			})
		}
	}
}

// openLibraries puts libraries into a rover table. Only the holder may call it.
func (g *Generation) openLibraries(rover *lua.LTable, s *Script) error {
	for _, l := range s.Libraries {
		if rover.RawGetString(l.Name) != lua.LNil {
			return fmt.Errorf("library %q: rover.%[1]s is there already", l.Name)
		}
		v, err := g.openLibrary(l, s.grants())
		if err != nil {
			return fmt.Errorf("opening library %q: %w", l.Name, err)
		}
		if t, ok := v.(*lua.LTable); ok {
			stdlib.Bound(t)
		}
		rover.RawSetString(l.Name, v)
	}
	return nil
}

// openLibrary opens a library. What goes wrong in it is an error: it may be anybody's.
func (g *Generation) openLibrary(l *lib.Library, grants lib.Grants) (v lua.LValue, err error) {
	defer func() {
		if failed := recover(); failed != nil {
			err = fmt.Errorf("%v", failed)
			g.logger.Error("a library failed", zap.String("library", l.Name), zap.Any("error", failed), zap.Stack("stack"))
		}
	}()
	state, err := g.vm.libraryState(l)
	if err != nil {
		return nil, err
	}
	v = l.Open(&lib.Scope{
		VM: vmOfLibrary{g.vm}, State: state,
		Script: g.name, Dir: g.dir, Serial: g.serial, Grants: grants, Store: g.store, Local: g.vm.kept,
		Fallback: g.vm.fallback, Held: &g.vm.held,
		AddRule:  g.addRule,
		OnLoaded: func(check func(lib.Meets) error) { g.onLoaded = append(g.onLoaded, check) },
		OnRetire: func(do func()) { g.onRetire = append(g.onRetire, do) },
	})
	if v == nil || v == lua.LNil {
		return nil, errors.New("it is nil")
	}
	return v, nil
}

// grants is what the script is given of the world outside.
func (s *Script) grants() lib.Grants {
	grants := lib.Grants{Net: s.Net, FakeNetwork: s.FakeNetwork, Files: s.Files, Geo: s.Geo}
	if s.AllowEnv {
		grants.Getenv, grants.EnvPolicy = s.getenv, s.EnvPolicy
	}
	if s.Seed != nil {
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], *s.Seed)
		grants.FakeRandom = rand.NewChaCha8(seed)
	}
	return grants
}

// guardLibrary calls a function of a library that no script has called: when it panics the log
// says so, and what it belongs to goes on.
func (vm *VM) guardLibrary(do func()) {
	defer func() {
		if failed := recover(); failed != nil {
			vm.logger.Error("a library failed", zap.Any("error", failed), zap.Stack("stack"))
		}
	}()
	do()
}

// vmOfLibrary is a VM as libraries see it.
type vmOfLibrary struct{ vm *VM }

func (v vmOfLibrary) L() *lua.LState                           { return v.vm.main }
func (v vmOfLibrary) Caller() lib.Caller                       { return caller{v.vm.cur} }
func (v vmOfLibrary) Request(L *lua.LState, n int) lib.Request { return checkServed(L, n).headWork() }
func (v vmOfLibrary) LibraryState(name string) any             { return v.vm.LibraryState(name) }
func (v vmOfLibrary) Clock() *clock.Clock                      { return v.vm.clock }
func (v vmOfLibrary) Logger() *zap.Logger                      { return v.vm.logger }
func (v vmOfLibrary) Context() context.Context                 { return v.vm.stopping }
func (v vmOfLibrary) Go(do func())                             { v.vm.closings.Go(do) }

// checkLibraries has libraries look at what the script answers.
func (g *Generation) checkLibraries() *ScriptError {
	meets := func(r *http.Request) (before []*lua.LFunction, handler *lua.LFunction) {
		var m routeMatch
		g.tree.Find(r, &m)
		for _, h := range m.Before {
			before = append(before, h.fn)
		}
		if m.Handler != nil {
			handler = m.Handler.fn
		}
		return before, handler
	}
	for _, check := range g.onLoaded {
		if err := check(meets); err != nil {
			return &ScriptError{Status: http.StatusInternalServerError, Message: err.Error()}
		}
	}
	return nil
}
