package luart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/stdlib"
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
func (vm *VM) libraryState(l *lib.Library) any {
	if l.NewState == nil {
		return nil
	}
	if s := vm.LibraryState(l.Name); s != nil {
		return s
	}
	L := vm.main
	defer func(env *lua.LTable) { L.Env = env }(L.Env)
	L.Env = L.G.Global // the functions of types outlive the generation
	s := l.NewState(vmOfLibrary{vm})
	vm.libraries.mu.Lock()
	defer vm.libraries.mu.Unlock()
	if vm.libraries.byName == nil {
		vm.libraries.byName = map[string]any{}
	}
	vm.libraries.byName[l.Name] = s
	return s
}

// kept lists what libraries keep for scripts.
func (s *libraryStates) kept() (list []lib.Kept) {
	for _, state := range s.byName {
		if keeper, ok := state.(lib.Keeper); ok {
			list = append(list, keeper.Keeps()...)
		}
	}
	return list
}

// counts returns how many things there are that libraries count.
func (s *libraryStates) counts() map[string]int {
	all := map[string]int{}
	for _, state := range s.byName {
		if counter, ok := state.(lib.Counter); ok {
			what, n := counter.Counts()
			all[what] += n
		}
	}
	return all
}

// close closes what is an io.Closer. No Lua must run any more.
func (s *libraryStates) close() (err error) {
	for _, state := range s.byName {
		if c, ok := state.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
	}
	return err
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
		}
	}()
	v = l.Open(&lib.Scope{
		VM: vmOfLibrary{g.vm}, State: g.vm.libraryState(l),
		Script: g.name, Serial: g.serial, Grants: grants,
		OnRetire: func(do func()) { g.onRetire = append(g.onRetire, do) },
	})
	if v == nil || v == lua.LNil {
		return nil, errors.New("it is nil")
	}
	return v, nil
}

// grants is what the script is given of the world outside.
func (s *Script) grants() lib.Grants {
	grants := lib.Grants{Net: s.Net, FakeNetwork: s.FakeNetwork}
	if s.AllowEnv {
		grants.Getenv = s.Getenv
	}
	return grants
}

// library returns what the script was given as rover.<name>, nil for what is no library.
func (g *Generation) library(name string) *lib.Library {
	if i := slices.IndexFunc(g.libraries, func(l *lib.Library) bool { return l.Name == name }); i >= 0 {
		return g.libraries[i]
	}
	return nil
}

// vmOfLibrary is a VM as libraries see it.
type vmOfLibrary struct{ vm *VM }

func (v vmOfLibrary) L() *lua.LState           { return v.vm.main }
func (v vmOfLibrary) Caller() lib.Caller       { return caller{v.vm.cur} }
func (v vmOfLibrary) Clock() *clock.Clock      { return v.vm.clock }
func (v vmOfLibrary) Logger() *zap.Logger      { return v.vm.logger }
func (v vmOfLibrary) Context() context.Context { return v.vm.stopping }
func (v vmOfLibrary) Go(do func())             { v.vm.closings.Go(do) }
