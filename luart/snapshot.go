package luart

import (
	"maps"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/stdlib"
)

// Sources are what a generation was made of.
type Sources struct {
	Script  []byte
	Modules map[string]stdlib.Module // by name
}

// snapshot collects the Sources of a generation. Any goroutine may call its methods.
type snapshot struct {
	Sources // Script does not change

	mu sync.Mutex // guards Modules: a handler may require a module at any time
}

// resolver returns a resolver that takes modules from given and others from next, and
// keeps them.
func (s *snapshot) resolver(next stdlib.Resolver, given map[string]stdlib.Module) stdlib.Resolver {
	return func(L *lua.LState, name string) (stdlib.Module, error) {
		m, ok := given[name]
		if !ok {
			var err error
			if m, err = next(L, name); err != nil {
				return stdlib.Module{}, err
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.Modules == nil {
			s.Modules = map[string]stdlib.Module{}
		}
		s.Modules[name] = m
		return m, nil
	}
}

// Sources returns what the generation was made of: the script, and the modules that it
// has required until now. Any goroutine may call it.
func (g *Generation) Sources() Sources {
	g.snapshot.mu.Lock()
	defer g.snapshot.mu.Unlock()
	return Sources{g.snapshot.Script, maps.Clone(g.snapshot.Modules)}
}
