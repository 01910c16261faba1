package caddyfile

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(new(sample)) }

// sample is a module of the namespace.
type sample struct {
	File string `json:"file,omitempty"`
}

func (*sample) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "rover.libraries.sample", New: func() caddy.Module { return new(sample) }}
}

func (s *sample) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // sample
	if d.NextArg() {
		s.File = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		return d.Errf("unrecognized subdirective '%s' of sample", d.Val())
	}
	return nil
}
