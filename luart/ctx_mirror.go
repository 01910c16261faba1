package luart

import (
	"bytes"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/mirror"
	"github.com/caddy-rover/rover/luart/proxy"
)

// mirrorOptions are those of ctx:mirror.
type mirrorOptions struct {
	to      proxy.To
	sample  float64
	timeout float64 // seconds
	maxBody int64
}

// mirror is ctx:mirror(upstream[, options]): it sends a copy of the request as it is now,
// with the headers that a proxy adds, to an upstream, and drops the answer. It returns at
// once: true, or false when there is no copy, because it was not in the sample or too many
// are under way. The copy of a body that is still to come is sent when whoever gets the
// request has read all of it; a longer one than max_body, or one that nobody reads, is not
// copied. The copy goes on when the client leaves and when the request is over, for up to
// timeout seconds. Options: sample (0 to 1, default 1), timeout (default 10), path, host,
// headers, max_body (bytes, default and at most that of the directive). Errors: there is a
// response already; the body has gone on.
func (vm *VM) mirror(L *lua.LState) int {
	x := checkCtx(L)
	x.checkOwn(L)
	o := x.gen.checkMirror(L)
	if x.outcome.replied {
		L.RaiseError("ctx:mirror: there is a response already: call it before")
	}
	L.Push(lua.LBool(x.mirror(vm, L, o)))
	return 1
}

// checkMirror returns the arguments of ctx:mirror.
func (g *Generation) checkMirror(L *lua.LState) mirrorOptions {
	o := mirrorOptions{sample: 1, timeout: mirror.DefaultTimeout.Seconds(), maxBody: g.maxBody}
	luaval.CheckString(L, 2)
	o.to.Upstreams = proxy.Addresses(L, 2, "ctx:mirror", g.checkUpstream)
	o.to.Mirror = true
	if L.Get(3) == lua.LNil {
		return o
	}
	mirrorOptionNames.EachOf(L, luaval.CheckTable(L, 3), "ctx:mirror", func(key string, v lua.LValue) { o.set(L, "ctx:mirror", key, v) })
	return o
}

// set reads an option. maxBody is what it may be at most.
func (o *mirrorOptions) set(L *lua.LState, f, key string, v lua.LValue) {
	n, ok := v.(lua.LNumber)
	switch key {
	case "sample":
		o.sample, ok = float64(n), ok && n >= 0 && n <= 1
	case "timeout":
		o.timeout, ok = float64(n), ok && n > 0 && n <= 3600
	case "max_body":
		ok = ok && n >= 0 && !math.IsInf(float64(n), 1) && n == lua.LNumber(math.Trunc(float64(n)))
		o.maxBody = int64(min(float64(n), float64(o.maxBody)))
	case "path", "host", "headers":
		proxy.SetOption(L, f, &o.to, key, v)
		return
	}
	if !ok {
		want := map[string]string{"sample": "a share from 0 to 1", "timeout": "seconds above 0, up to 3600", "max_body": "whole bytes, 0 or more"}[key]
		L.RaiseError("%s: option %s: %s expected, got %s", f, key, want, luaval.Show(v))
	}
}

// mirror makes the copy, and reports whether there is one.
func (x *Exchange) mirror(vm *VM, L *lua.LState, o mirrorOptions) bool {
	r := x.r
	hasBody := r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
	read := x.upload.body != nil && x.upload.body.kept != nil
	if hasBody && !read && (x.forward.sent || x.upload.body != nil && x.upload.body.busy != nil) {
		L.RaiseError("ctx:mirror: the request body has gone on: call it before ctx:next and ctx:proxy, or read it with ctx:body() first")
	}
	if o.sample < 1 && rand.Float64() >= o.sample {
		return false
	}
	m := &vm.mirrors
	log := x.gen.logger
	switch {
	case x.leavesPlace(x.running, &o.to):
		m.Drop(log, "the path may lead out of the place of the hook")
		return false
	case r.Header.Get("Upgrade") != "" || r.Method == http.MethodConnect:
		m.Drop(log, "upgrades are not copied")
		return false
	case hasBody && (r.ContentLength > o.maxBody || read && x.upload.body.kept.Size > o.maxBody):
		m.Drop(log, "the body is longer than max_body")
		return false
	}
	var body []byte
	if hasBody && read {
		body = bytes.Clone(x.upload.body.piece(vm, L, 0, x.upload.body.kept.Size))
	}
	if !m.Reserve() {
		m.Drop(log, "too many are under way")
		return false
	}
	host, next := x.host, x.next
	c := &mirror.Copy{
		Set: m, Logger: log, Upstream: o.to.Upstreams[0], Timeout: time.Duration(o.timeout * float64(time.Second)),
		Request: host.CloneRequest(mirror.Nowhere(), mirror.Clone(r)),
		Serve:   func(w http.ResponseWriter, r *http.Request) error { return host.Serve(next, &o.to, w, r) },
	}
	if read || !hasBody {
		return c.Send(body)
	}
	b := mirror.NewBody(r.Body, r.ContentLength, c, o.maxBody)
	if rate := x.gen.bodyMinRate; rate > 0 {
		b.Hasten(rate, vm.bodyGrace)
	}
	if x.upload.received != nil && x.upload.received.body == r.Body {
		x.upload.received.body = b
	}
	r.Body = b
	x.upload.mirrored = append(x.upload.mirrored, b)
	return true
}
