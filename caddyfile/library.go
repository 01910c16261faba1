package caddyfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/lib/all"
)

// LibraryNamespace is where the modules are that are libraries.
const LibraryNamespace = "rover.libraries"

// luaName is what can stand behind the dot in rover.<name>.
var luaName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parseLibrary reads a name, and gives what follows to the module of that name.
func (c *Config) parseLibrary(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	if _, twice := c.LibrariesRaw[name]; twice {
		return d.Errf("library '%s' given twice", name)
	}
	if err := checkLibrary(name); err != nil {
		return d.WrapErr(err)
	}
	module, err := caddyfile.UnmarshalModule(d, LibraryNamespace+"."+name)
	if err != nil {
		return err
	}
	if c.LibrariesRaw == nil {
		c.LibrariesRaw = caddy.ModuleMap{}
	}
	c.LibrariesRaw[name] = caddyconfig.JSON(module, nil)
	return nil
}

func checkLibraries(libraries map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(libraries)) {
		if err := checkLibrary(name); err != nil {
			return err
		}
	}
	return nil
}

// checkLibrary refuses a library that scripts cannot have, or that this Caddy has not.
func checkLibrary(name string) error {
	switch {
	case !luaName.MatchString(name):
		return fmt.Errorf("library '%s': a name of letters, digits and _ expected, that Lua can have in rover.<name>", name)
	case isOwn(name):
		return fmt.Errorf("library '%s': every script has a rover.%[1]s of Rover's own; a library needs another name", name)
	}
	if _, err := caddy.GetModule(LibraryNamespace + "." + name); err != nil {
		return fmt.Errorf("library '%s' is unknown: this Caddy was built without the module %s.%[1]s; it takes an xcaddy build with --with and the library's Go module%[3]s",
			name, LibraryNamespace, known())
	}
	return nil
}

// isOwn reports whether rover.<name> is there without any library of others.
func isOwn(name string) bool {
	if luart.IsOwn(name) {
		return true
	}
	for _, l := range all.Libraries() {
		if l.Name == name {
			return true
		}
	}
	return false
}

// known lists the libraries that this Caddy has, for an error.
func known() string {
	var names []string
	for _, module := range caddy.GetModules(LibraryNamespace) {
		names = append(names, module.ID.Name())
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return " (it has: " + strings.Join(names, ", ") + ")"
}
