package luart

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Outline is what a script has defined, for tools that look at it. It belongs to the holder of
// the script's VM.
type Outline struct {
	Name      string         // of the script, in messages
	Files     *chunk.Files   // what was loaded
	Names     *hint.Names    // what the names in them stand for
	API       *api.Node      // nil: the script has not called rover.server
	Overrides []api.Override // definitions that took the place of others
	Hooks     []string       // names of functions directly on api, beside on_error
	// DoneMethods are the methods of ctx that done hooks may use.
	DoneMethods []string
	// Options are those of the functions that take a table of them: by the function as scripts
	// write it, "api.proxy", "ctx:mirror", "rover.http.get", or by the type of its object,
	// "cache:fetch".
	Options map[string]luaval.OptionsAt
	// Words are the texts that an argument of a function of rover may be, by the function.
	Words map[string]luaval.Words
	// CheckUpstream says whether api.proxy may be given an address. nil: any.
	CheckUpstream func(address string) error
	// Given is what the script gets where it is to run; nil: that is not known.
	Given *Given
}

// words returns Words of the libraries that the script has.
func (g *Generation) words() map[string]luaval.Words {
	all := map[string]luaval.Words{}
	for _, l := range g.libraries {
		for function, words := range l.Words {
			all["rover."+l.Name+"."+function] = words
		}
	}
	return all
}

// Given is what an operator gives a script.
type Given struct {
	Config map[string]string // rover.config
	// Withheld are grants that are not there, by what needs them below rover: "geo", "auth.jwks".
	Withheld map[string]lib.Grant
	// Env says which variables rover.env may read.
	Env *environ.Policy
}

// given returns what s is given.
func (s *Script) given() *Given {
	given := &Given{Config: s.Config, Withheld: map[string]lib.Grant{}, Env: s.EnvPolicy}
	grants := s.grants()
	if grants.Missing(lib.AllowEnv) {
		given.Withheld["config.from_env"] = lib.AllowEnv
	}
	for _, l := range s.Libraries {
		for function, grant := range l.Needs {
			if grants.Missing(grant) {
				given.Withheld[strings.TrimSuffix(l.Name+"."+function, ".")] = grant
			}
		}
	}
	return given
}

// outline returns what the script has defined. Only the holder may call it.
func (g *Generation) outline() *Outline {
	return &Outline{
		Name: g.name, Files: &g.sources, Names: g.names(), Options: g.options(), Words: g.words(),
		API:         g.api.Root,
		Overrides:   g.api.Overrides,
		Hooks:       slices.Collect(g.api.Hooks()),
		DoneMethods: slices.Collect(maps.Keys(ofDone)), CheckUpstream: g.checkUpstream,
	}
}

// typeNames returns the names that the VM keeps of each type: of methods (luaval.TypesKey), or of
// fields. Only the holder may call it.
func (g *Generation) typeNames(key string) map[string][]string {
	all := map[string][]string{}
	types, ok := g.vm.main.G.Registry.RawGetString(key).(*lua.LTable)
	if !ok {
		return all
	}
	types.ForEach(func(kind, names lua.LValue) {
		if list, ok := names.(*lua.LTable); ok {
			list.ForEach(func(_, name lua.LValue) { all[kind.String()] = append(all[kind.String()], name.String()) })
		}
	})
	return all
}

// makers are those of the VM's own libraries; others say so themselves.
var makers = map[string]string{
	"after": "timer", "every": "timer", "cron": "timer",
}

// makers returns makers with those of the libraries that the script has.
func (g *Generation) makers() map[string]string {
	all := maps.Clone(makers)
	for _, l := range g.libraries {
		for function, kind := range l.Makes {
			if strings.Contains(function, ":") {
				all[function] = kind
			} else {
				all[strings.TrimSuffix(l.Name+"."+function, ".")] = kind
			}
		}
	}
	return all
}
