package luart

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/openapi"
	"github.com/caddy-rover/rover/luart/outbound"
)

// ErrDry is the error of rover.http in a script that DryRun loads.
var ErrDry = errors.New("check has no network")

// NoNetwork is what rover.http asks then, in place of the network.
var NoNetwork http.RoundTripper = noNetwork{}

type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) { return nil, ErrDry }

// drySleep is rover.sleep then.
func drySleep(L *lua.LState) int {
	luaval.CheckNumber(L, 1)
	return 0
}

// DryRun loads a script into a VM of its own, for nothing but to look at it: nothing is sent,
// unless s.Net says where to, sleeping takes no time, the environment is empty, unless
// s.AllowEnv is set, no file is changed, and no hook and no background task runs. With s.Granted,
// s.Net and s.AllowEnv also say what is refused. look gets what the script has
// defined, as far as it came, and the error of VM.Load. It is called once, by the holder. The
// error of DryRun says that there is no VM.
func DryRun(ctx context.Context, s Script, look func(o *Outline, loading error)) error {
	return s.loadDry(ctx, func(g *Generation, loading error) {
		o := g.outline()
		if s.Granted {
			o.Given = s.given()
		}
		look(o, loading)
	})
}

// DryRoutes returns the routes and hooks of a script, which it loads as DryRun does. The error
// is that of VM.Load, or says that there is no VM.
func DryRoutes(ctx context.Context, s Script) (routes []Route, hooks []Hook, err error) {
	noVM := s.loadDry(ctx, func(g *Generation, loading error) {
		if err = loading; err == nil {
			routes, hooks = g.Routes(), g.Hooks()
		}
	})
	return routes, hooks, cmp.Or(noVM, err)
}

// DryOpenAPI returns the document of OpenAPI of a script, which it loads as DryRun does. The error is
// that of VM.Load, or says that there is no VM, or what cannot be in the document.
func DryOpenAPI(ctx context.Context, s Script, info openapi.Info) (document []byte, err error) {
	noVM := s.loadDry(ctx, func(g *Generation, loading error) {
		if err = loading; err == nil {
			document, err = g.OpenAPI(info)
		}
	})
	return document, cmp.Or(noVM, err)
}

// loadDry is DryRun with the generation itself.
func (s Script) loadDry(ctx context.Context, look func(g *Generation, loading error)) error {
	vm, err := NewVM(VMOptions{})
	if err != nil {
		return err
	}
	defer vm.Close(context.WithoutCancel(ctx))
	g, err := vm.load(ctx, s.dryRun())
	_ = vm.loop.DoAdmitted(func(*thread) error { // the VM is not closed
		look(g, err)
		return nil
	})
	g.Retire()
	return nil
}

// dryRun returns s without what it is given of the world outside.
func (s Script) dryRun() Script {
	s.dry = true
	s.Timeout, s.Burst = 10*time.Second, 5*time.Second
	s.Files = s.Files.Unchanged()
	if s.Granted {
		if path, err := filepath.Abs(s.Path); err == nil {
			s.Path = path // folders are, too
		}
		return s
	}
	s.CheckMount = nil
	if !s.AllowEnv {
		s.AllowEnv, s.Getenv = true, func(string) (string, bool) { return "", false }
	}
	if s.Net == nil {
		s.Net, s.FakeNetwork = outbound.NewPolicy(), NoNetwork
	}
	return s
}
