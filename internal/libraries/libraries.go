// Package libraries makes Caddy modules of the namespace rover.libraries libraries of scripts.
package libraries

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/all"
)

// Load returns the libraries of a script: those that every script has, and those that a config
// names, whose modules it loads. They live as long as ctx.
func Load(ctx caddy.Context, config *rovercaddyfile.Config) ([]*lib.Library, error) {
	list := slices.Clone(all.Libraries())
	if len(config.LibrariesRaw) == 0 {
		return list, nil
	}
	loaded := rovercaddyfile.Config{LibrariesRaw: maps.Clone(config.LibrariesRaw)} // Caddy empties it
	modules, err := ctx.LoadModule(&loaded, "LibrariesRaw")
	if err != nil {
		return nil, fmt.Errorf("loading libraries: %w", err)
	}
	byName := modules.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		l, err := libraryOf(name, byName[name])
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// NotGiven returns the names of the libraries that this Caddy has as modules and a config does not
// name.
func NotGiven(config *rovercaddyfile.Config) (names []string) {
	for _, info := range caddy.GetModules(rovercaddyfile.LibraryNamespace) {
		if name := info.ID.Name(); config.LibrariesRaw[name] == nil {
			names = append(names, name)
		}
	}
	return names
}

// libraryOf returns the library of a module, with the name of the module. A panic of the module is
// an error: Caddy would not clean up what it has begun.
func libraryOf(name string, module any) (_ *lib.Library, err error) {
	defer func() {
		if failed := recover(); failed != nil {
			err = fmt.Errorf("library %q: its module, a %T, failed: %v", name, module, failed)
		}
	}()
	provider, ok := module.(lib.Provider)
	if !ok {
		return nil, fmt.Errorf("library %q: its module, a %T, has no method Library() *lib.Library", name, module)
	}
	l := provider.Library()
	if l == nil || l.Open == nil {
		return nil, fmt.Errorf("library %q: its module, a %T, has no library that can be opened", name, module)
	}
	named := *l
	named.Name = name
	return &named, nil
}

// Stubs are the definitions for lua-language-server of one library, and the name of their file.
type Stubs struct{ File, Text string }

// AllStubs returns the definitions of the libraries that every script has, and then of those that
// this Caddy has as modules, each in the order of their names, without those that bring none, or
// are no libraries.
func AllStubs() []Stubs {
	return append(stubsOf("rover_", all.Libraries()), stubsOf("rover_library_", modules())...)
}

// modules returns the libraries that this Caddy has as modules, without configuration.
func modules() (list []*lib.Library) {
	for _, info := range caddy.GetModules(rovercaddyfile.LibraryNamespace) {
		if l, err := libraryOf(info.ID.Name(), info.New()); err == nil {
			list = append(list, l)
		}
	}
	return list
}

// stubsOf returns the definitions of libraries. Their files' names begin with prefix.
func stubsOf(prefix string, libraries []*lib.Library) (list []Stubs) {
	for _, l := range libraries {
		if l.Stubs != "" {
			list = append(list, Stubs{prefix + l.Name + ".lua", l.Stubs})
		}
	}
	slices.SortFunc(list, func(a, b Stubs) int { return strings.Compare(a.File, b.File) })
	return list
}
