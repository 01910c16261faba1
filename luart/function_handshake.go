package luart

import (
	"context"
	"errors"
	"net/http"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/handshake"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/scripterror"
)

const (
	permittedFor = time.Minute      // a yes of rover.tls_permission
	refusedFor   = 10 * time.Second // a no
	certifiedFor = 5 * time.Minute  // a certificate of rover.tls_certificate
)

// Permit asks a function of rover.tls_permission whether a name, in normal form, may have a
// certificate. It enters the VM and may wait. The error is a *ScriptError, which has been logged,
// or one of those of Exchange.Run; the answer is no then.
func (f *Function) Permit(ctx context.Context, name string) (handshake.Answer[bool], error) {
	a := handshake.Answer[bool]{For: refusedFor}
	err := f.askName(ctx, name, func(v, seconds lua.LValue) (wrong string) {
		switch v := v.(type) {
		case lua.LBool:
			a.Value = bool(v)
		case *lua.LNilType:
		default:
			return "returned a " + luaval.TypeName(v) + ": a boolean or nil expected"
		}
		if a.Good = a.Value; a.Good {
			a.For = permittedFor
		}
		a.For, wrong = rememberFor(seconds, a.For)
		return wrong
	})
	if err != nil {
		return handshake.Answer[bool]{}, err
	}
	return a, nil
}

// Certify asks a function of rover.tls_certificate for the certificate of a name; nil is none, and
// others is true where the script leaves the name to others. Otherwise it is like Permit.
func (f *Function) Certify(ctx context.Context, name string) (a handshake.Answer[*handshake.Pair], others bool, err error) {
	a.For = refusedFor
	err = f.askName(ctx, name, func(v, _ lua.LValue) (wrong string) {
		switch v := v.(type) {
		case *lua.LTable:
			a.Value, a.Good, a.For = &handshake.Pair{}, true, certifiedFor
			return readCertificate(v, &a)
		case *lua.LNilType:
			return ""
		case lua.LBool:
			if others = !bool(v); others {
				return ""
			}
		}
		return "returned a " + luaval.TypeName(v) + ": a table with certificate and key expected, nil for none, or false to leave the name to others"
	})
	if err != nil {
		return handshake.Answer[*handshake.Pair]{}, false, err
	}
	return a, others, nil
}

// readCertificate reads what a function has returned.
func readCertificate(t *lua.LTable, a *handshake.Answer[*handshake.Pair]) (wrong string) {
	certificate, ok1 := t.RawGetString("certificate").(lua.LString)
	key, ok2 := t.RawGetString("key").(lua.LString)
	switch {
	case !ok1 || !ok2:
		return "returned a table without the texts certificate and key, both PEM"
	case len(certificate) > handshake.MaxPEM || len(key) > handshake.MaxPEM:
		return "returned a certificate or a key of more than 64 KiB"
	}
	a.Value.Certificate, a.Value.Key = string(certificate), string(key)
	a.For, wrong = rememberFor(t.RawGetString("ttl"), a.For)
	t.ForEach(func(k, _ lua.LValue) {
		switch k {
		case lua.LString("certificate"), lua.LString("key"), lua.LString("ttl"):
		default:
			wrong = "returned a table with the unknown field " + k.String() + ": there are certificate, key, ttl"
		}
	})
	return wrong
}

// rememberFor reads for how long an answer is to be remembered.
func rememberFor(v lua.LValue, unsaid time.Duration) (d time.Duration, wrong string) {
	if v == lua.LNil {
		return unsaid, ""
	}
	n, ok := v.(lua.LNumber)
	if !ok || !(n >= 0 && float64(n) <= handshake.MaxFor.Seconds()) {
		return 0, "returned " + v.String() + " as the seconds to remember that for: 0 to 86400 expected"
	}
	return time.Duration(float64(n) * float64(time.Second)), ""
}

// askName enters the VM once and calls the function with a name. check gets its first two results,
// and says what is wrong with them.
func (f *Function) askName(ctx context.Context, name string, check func(first, second lua.LValue) (wrong string)) error {
	vm, g, h := f.gen.vm, f.gen, f.handler
	if vm.memory.Refuses() {
		return ErrMemory
	}
	if g.inQuarantine(h) {
		return quarantineError(h)
	}
	c := &call{gen: g, ctx: ctx, kind: h.route, where: h.where, asked: h}
	timeout := handshake.Patience
	if g.timeout > 0 {
		timeout = min(timeout, g.timeout)
	}
	c.deadline = vm.deadline(timeout)
	err := vm.loop.DoClass(ctx, eventloop.Normal, &h.quota, func(th *thread) error {
		c.cost.Queue += vm.loop.Waited()
		vm.start(c, th)
		defer c.done()
		first, second, err := vm.call2(c, h.fn, lua.LString(name))
		if err == nil {
			wrong := check(first, second)
			if wrong == "" {
				return nil
			}
			err = &ScriptError{Status: http.StatusInternalServerError, Message: h.where + ": " + h.route + " " + wrong}
			c.failed = true
		}
		g.noteNameFailure(h, name, err)
		return err
	})
	var p *eventloop.PanicError
	if errors.As(err, &p) {
		g.logger.Error("panic in the VM", zap.Error(err), zap.String("handler", h.route), zap.ByteString("go_stack", p.Stack))
	}
	return err
}

// noteNameFailure logs an error of a function that was asked for a name, and counts it. Only the
// holder may call it.
func (g *Generation) noteNameFailure(h *handler, name string, err *ScriptError) {
	if err.Killed {
		g.killed(h)
	}
	g.recordError(h.route, h.where, err)
	g.logger.Error("script error", append(scripterror.LogFields(g.explain(err)),
		zap.String("error", err.Whole()),
		zap.String("handler", h.route),
		zap.String("defined_at", h.where),
		zap.String("server_name", name),
		zap.String("traceback", err.Traceback))...)
}

// Serial tells the generation of the function from others of its VM, earlier and later.
func (f *Function) Serial() uint64 { return f.gen.serial }
