// Package netlist is a library for Rover scripts: lists of networks, read from files.
//
//	library netlist {
//		list <name> <file>
//	}
//
// gives a script rover.netlist. A file has an address or a prefix on each line; what follows a #
// is a comment. A relative file is beside the Caddyfile.
package netlist

import (
	_ "embed"
	"path/filepath"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-rover/rover/luart/lib"
)

func init() { caddy.RegisterModule(new(Netlist)) }

// Netlist is the module rover.libraries.netlist.
type Netlist struct {
	// The files of the lists, by name. JSON: a relative one starts at Caddy's working directory.
	Lists map[string]string `json:"lists,omitempty"`

	mu   sync.RWMutex // guards read: lists are read again while no Lua of the VM waits for it
	read map[string]*list
}

// CaddyModule returns the Caddy module information.
func (*Netlist) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "rover.libraries.netlist", New: func() caddy.Module { return new(Netlist) }}
}

// UnmarshalCaddyfile reads what stands in the block of "library netlist".
func (n *Netlist) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // netlist
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if d.Val() != "list" {
			return d.Errf("unrecognized subdirective '%s' of netlist", d.Val())
		}
		var name, file string
		if !d.AllArgs(&name, &file) {
			return d.ArgErr()
		}
		if _, twice := n.Lists[name]; twice {
			return d.Errf("list '%s' given twice", name)
		}
		if n.Lists == nil {
			n.Lists = map[string]string{}
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(d.File()), file)
		}
		n.Lists[name] = file
	}
	return nil
}

// Provision reads the lists. One that cannot be read is an error of the configuration.
func (n *Netlist) Provision(caddy.Context) error {
	n.read = map[string]*list{}
	for name, file := range n.Lists {
		l, err := readList(file)
		if err != nil {
			return err
		}
		n.read[name] = l
	}
	return nil
}

// stubs are for editors.
//
//go:embed netlist.lua
var stubs string

// Library returns the library. It must not need what Provision makes: "caddy rover types" asks a
// module that has no configuration for its stubs.
func (n *Netlist) Library() *lib.Library {
	return &lib.Library{Stubs: stubs, Explains: true, NewState: newState, Open: n.open}
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Netlist)(nil)
	_ caddyfile.Unmarshaler = (*Netlist)(nil)
	_ lib.Provider          = (*Netlist)(nil)
)
