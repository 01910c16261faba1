package handler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/handshake"
)

func init() {
	caddy.RegisterModule(new(Permission))
}

// Permission has a Lua function say whether a name may have a certificate on demand: one that
// the script of a rover handler registered with
//
//	rover.tls_permission("customers", function(name) return known[name] ~= nil end)
//
// name is lowercase and in ASCII; it may be an address. The function returns a boolean, or nil for
// false, and may return for how many seconds that is remembered; it may wait. It refuses the name
// when it fails, takes too long, or the VM has no room.
type Permission struct {
	functionRef
	names asker[bool]
}

// CaddyModule returns the Caddy module information.
func (*Permission) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "tls.permission.rover",
		New: func() caddy.Module { return new(Permission) },
	}
}

// UnmarshalCaddyfile parses the module. Syntax:
//
//	permission rover <function> [<vm>]
func (p *Permission) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume module name
	return p.unmarshal(d)
}

// Provision checks the name.
func (p *Permission) Provision(ctx caddy.Context) error {
	p.names.init(ctx)
	return p.provision(ctx, luart.PermissionFunction)
}

// CertificateAllowed asks the function, unless its answer for the name is remembered.
func (p *Permission) CertificateAllowed(ctx context.Context, name string) error {
	name, err := handshake.Name(name)
	if err != nil {
		return fmt.Errorf("%w: %w", caddytls.ErrPermissionDenied, err)
	}
	allowed, err := p.names.get(ctx, &p.functionRef, name, func(ctx context.Context, f *function, name string) (handshake.Answer[bool], error) {
		return f.Permit(ctx, name)
	})
	switch {
	case err != nil:
		return fmt.Errorf("asking rover %s %q: %w", p.kind, p.Function, err)
	case !allowed:
		return fmt.Errorf("%w: rover %s %q does not want %s", caddytls.ErrPermissionDenied, p.kind, p.Function, name)
	}
	return nil
}

// asker asks a function for names, and remembers what it has said.
type asker[V any] struct {
	life   context.Context // of the config
	logger *zap.Logger
	memo   *handshake.Memo[V]
}

func (a *asker[V]) init(ctx caddy.Context) {
	a.life, a.logger, a.memo = ctx, ctx.Logger(), handshake.NewMemo[V](time.Now)
}

// get returns the answer of the function, as the newest scripts have it. Any goroutine may call it.
func (a *asker[V]) get(ctx context.Context, ref *functionRef, name string, ask func(context.Context, *function, string) (handshake.Answer[V], error)) (V, error) {
	var none V
	f, err := ref.find(ctx)
	if err != nil {
		return none, err
	}
	v, err := a.memo.Get(ctx, a.life, f.Serial(), name, func(ctx context.Context, name string) (handshake.Answer[V], error) {
		answer, err := ask(ctx, f, name)
		if err != nil {
			err = f.handler.overloaded(f.Route(), err)
		}
		return answer, err
	})
	if errors.Is(err, handshake.ErrBusy) {
		f.handler.logBusy(f.Route(), err)
	}
	return v, err
}

// logBusy logs that names are refused for being too many, once a second.
func (h *Handler) logBusy(function string, err error) {
	if now := time.Now().Unix(); h.unnamed.Swap(now) != now {
		h.logger.Warn("refusing TLS handshakes", append(h.logFields(""), zap.String("function", function), zap.Error(err),
			zap.String("remedy", "make the function faster: clients may be making names up"))...)
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Permission)(nil)
	_ caddyfile.Unmarshaler       = (*Permission)(nil)
	_ caddytls.OnDemandPermission = (*Permission)(nil)
)
