package handler

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/luart"
)

func init() {
	caddy.RegisterModule(new(Matcher))
}

// Matcher matches requests that a Lua function wants: one that the script of a rover
// handler registered with
//
//	rover.matcher("beta", function(ctx) return ctx:cookie("beta") ~= nil end)
//
// The function returns a boolean, or nil for false; it may wait, but not change the
// request. Its error is the request's: status 500, or 503 while the VM is overloaded, for
// the error routes. It never counts as "does not match", not even below not.
type Matcher struct {
	functionRef
}

// CaddyModule returns the Caddy module information.
func (*Matcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.rover",
		New: func() caddy.Module { return new(Matcher) },
	}
}

// UnmarshalCaddyfile parses the matcher. Syntax:
//
//	rover <function> [<vm>]
func (m *Matcher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	for d.Next() { // once for each line of a set that begins with rover
		if m.Function != "" {
			return d.Err("a set of matchers can have one rover matcher: call one Lua function from the other")
		}
		if err := m.unmarshal(d); err != nil {
			return err
		}
	}
	return nil
}

// Provision checks the name.
func (m *Matcher) Provision(ctx caddy.Context) error {
	return m.provision(ctx, luart.MatcherFunction)
}

// MatchWithError asks the function.
func (m *Matcher) MatchWithError(r *http.Request) (bool, error) {
	f, err := m.find(r.Context())
	if err != nil {
		return false, caddyhttp.Error(http.StatusInternalServerError, err)
	}
	matched, err := f.Match(r, host{f.handler}, f.handler.priority(r))
	return matched, f.handler.functionError(f.Route(), err)
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*Matcher)(nil)
	_ caddyfile.Unmarshaler             = (*Matcher)(nil)
	_ caddyhttp.RequestMatcherWithError = (*Matcher)(nil)
)
