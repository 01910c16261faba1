package caddyfile

import (
	"cmp"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Global is what an operator may set for all rover directives.
type Global struct {
	// AdminEval lets POST /rover/eval of the admin API run Lua code in live VMs. Whoever may
	// use the admin API can then do what the scripts can.
	AdminEval bool `json:"admin_eval,omitempty"`

	// Where scripts keep what outlives a request, for the directives that do not say it.
	Store *Store `json:"store,omitempty"`

	// How large the heap of the process is at least when the garbage collector runs, in bytes; 0:
	// as Go has it. Not given: 64 MiB. GOGC in the environment takes the place of both.
	GCFloor *int64 `json:"gc_floor,omitempty"`
}

// globalOptions maps every option of the global option to the function that reads it.
var globalOptions = map[string]func(*Global, *caddyfile.Dispenser) error{
	"admin_eval": (*Global).parseAdminEval,
	"store":      (*Global).parseStore,
	"gc_floor":   (*Global).parseGCFloor,
}

// UnmarshalCaddyfile fills g from the tokens of the global option:
//
//	rover {
//	    admin_eval
//	    store    <url> { … }
//	    gc_floor <size>|off
//	}
//
// Each may stand once. Not safe for concurrent use.
func (g *Global) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // "rover"
	if d.NextArg() {
		return d.ArgErr()
	}
	given := make(map[string]bool)
	for d.NextBlock(0) {
		option := d.Val()
		parse, ok := globalOptions[option]
		if !ok {
			return globalBlock.unknown(d)
		}
		if given[option] {
			return d.Errf("option '%s' given twice", option)
		}
		given[option] = true
		if err := parse(g, d); err != nil {
			return err
		}
	}
	return nil
}

// Validate returns what is wrong with g first, or nil. Any goroutine may call it.
func (g Global) Validate() error { return cmp.Or(checkStore(g.Store), checkGCFloor(g.GCFloor)) }

func (g *Global) parseAdminEval(d *caddyfile.Dispenser) error {
	g.AdminEval = true
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func (g *Global) parseStore(d *caddyfile.Dispenser) (err error) {
	g.Store, err = ParseStore(d)
	return err
}
