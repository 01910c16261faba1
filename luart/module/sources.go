package module

import (
	"maps"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/stdlib"
)

// Sources are what a loading of a script was made of.
type Sources struct {
	Script  []byte
	Modules map[string]stdlib.Module // by name
}

// Snapshot collects Sources.
type Snapshot struct {
	script []byte

	mu      sync.Mutex // guards modules: a handler may require one at any time
	modules map[string]stdlib.Module
}

// SetScript gives it the script. It is called before all else.
func (s *Snapshot) SetScript(source []byte) { s.script = source }

// Resolver returns a resolver that takes modules from given and others from next, and
// keeps them.
func (s *Snapshot) Resolver(next stdlib.Resolver, given map[string]stdlib.Module) stdlib.Resolver {
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
		if s.modules == nil {
			s.modules = map[string]stdlib.Module{}
		}
		s.modules[name] = m
		return m, nil
	}
}

// Sources returns the script, and the modules that it has required until now.
func (s *Snapshot) Sources() Sources {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Sources{s.script, maps.Clone(s.modules)}
}
