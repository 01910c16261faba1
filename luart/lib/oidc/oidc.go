// Package oidc is rover.auth.oidc: logins at an OpenID Connect provider. Package luart/lib/auth makes it
// a part of rover.auth.
package oidc

import (
	"context"
	"crypto/rand"
	_ "embed"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/session"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/oidc"
	"github.com/caddy-rover/rover/luart/outbound"
)

// Stubs are the definitions of what scripts see.
//
//go:embed oidc.lua
var Stubs string

const (
	// MaxProviders bounds the providers that the scripts of a VM name.
	MaxProviders = 20

	// MaxLogins bounds the logins of a script: each is one call of rover.auth.oidc.
	MaxLogins = 100

	// MaxExchanges bounds the logins that ask a provider at once: anybody can begin one.
	MaxExchanges = 64

	// MaxRefreshes bounds the sessions of a VM whose refresh is under way, or has failed just now.
	MaxRefreshes = 10000
)

// State is what a VM keeps: what providers have said outlives a reload, and so do refreshes under way.
type State struct {
	login     *lua.LTable
	providers map[string]*shared // by issuer
	flights   map[string]*flight // by the key of the session
}

// shared is a provider, with the number of generations that use it.
type shared struct {
	*oidc.Provider
	users int
}

// NewState returns that of a VM.
func NewState(vm lib.VM) *State {
	return &State{
		login:     luaval.NewType(vm.L(), "login", methods, nil),
		providers: map[string]*shared{}, flights: map[string]*flight{},
	}
}

// Opened is the library in one generation.
type Opened struct {
	scope  *lib.Scope
	state  *State
	random io.Reader
	logins []*login
	used   map[string]bool // issuers
	client *outbound.Client
	hooks  map[*lua.LFunction]*hook // those that were made while the script loaded
	loaded bool
}

// hook is a before hook of a login.
type hook struct {
	login *login
	where string // file:line in which the script has asked for it
}

// Open opens it for a generation.
func Open(scope *lib.Scope, state *State) *Opened {
	o := &Opened{scope: scope, state: state, random: scope.Grants.FakeRandom, used: map[string]bool{}, hooks: map[*lua.LFunction]*hook{}}
	if o.random == nil {
		o.random = rand.Reader
	}
	return o
}

// Retire is called when the generation is replaced or ends.
func (o *Opened) Retire() {
	for issuer := range o.used {
		if s := o.state.providers[issuer]; s != nil {
			if s.users--; s.users == 0 {
				delete(o.state.providers, issuer)
			}
		}
	}
	o.used = map[string]bool{}
	if o.client != nil {
		o.client.Close()
	}
}

// login is what rover.auth.oidc has made.
type login struct {
	oidc.Config

	opened    *Opened
	vm        lib.VM
	provider  *oidc.Provider
	asker     oidc.Asker
	attempts  *oidc.Attempts
	sessions  *session.Store
	headers   *oidc.Headers
	optional  bool
	claimsKey string
	exchanges chan struct{} // has one for each that is under way
	warned    atomic.Int64  // when it was logged last that a refresh has failed, in seconds
	down      atomic.Int64  // likewise, that a request got 503
}

// Oidc is rover.auth.oidc(options).
func (o *Opened) Oidc(L *lua.LState) int {
	t := luaval.CheckTable(L, 1)
	if o.scope.Grants.Net == nil {
		L.RaiseError("rover.auth.oidc needs `allow net` in the rover block of the Caddyfile")
	}
	l := &login{opened: o, vm: o.scope.VM, claimsKey: "auth", exchanges: make(chan struct{}, MaxExchanges)}
	if len(o.logins) >= MaxLogins {
		L.RaiseError("rover.auth.oidc: more than %d logins: call it once, while the script loads", MaxLogins)
	}
	l.read(L, t)
	if u, err := url.Parse(l.Issuer); err == nil {
		if err := o.scope.Grants.Net.CheckURL(u); err != nil { // nobody could log in
			luaval.ArgError(L, 1, "option 'issuer': "+err.Error()+": add it in the rover block of the Caddyfile")
		}
	}
	for _, other := range o.logins {
		if other.Name == l.Name {
			luaval.ArgError(L, 1, "option 'name': there is another login of this name: each needs its own")
		}
		for _, u := range l.Redirects {
			if other.IsCallback(u.Host, u.Path) {
				luaval.ArgError(L, 1, "option 'redirect_uri': another login has the same one, and answers of the two could be mixed up")
			}
		}
	}
	o.logins = append(o.logins, l)
	l.connect(L)
	L.Push(luaval.NewObject(o.state.login, l))
	return 1
}

// connect gives the login its provider, and the client that "allow net" judges.
func (l *login) connect(L *lua.LState) {
	o := l.opened
	s := o.state.providers[l.Issuer]
	if s == nil {
		if len(o.state.providers) >= MaxProviders {
			L.RaiseError("rover.auth.oidc: more than %d providers", MaxProviders)
		}
		s = &shared{Provider: oidc.NewProvider(l.Issuer, o.scope.Clock().Now)}
		o.state.providers[l.Issuer] = s
	}
	if !o.used[l.Issuer] {
		o.used[l.Issuer] = true
		s.users++
	}
	if o.client == nil {
		o.client = outbound.NewClient(outbound.Options{
			Policy: o.scope.Grants.Net, Context: o.scope.Context(),
			FakeNetwork: o.scope.Grants.FakeNetwork, WithTimeout: o.scope.Clock().WithTimeout,
		})
	}
	log, issuer := o.scope.Logger(), l.Issuer
	l.provider = s.Provider
	l.asker = oidc.Asker{
		Client: oidc.NewClient(o.client), Context: o.scope.Context(), Go: o.scope.Go,
		Warn: func(text string, err error) { log.Warn(text, zap.String("issuer", issuer), zap.Error(err)) },
	}
}

func (l *login) now() time.Time { return l.vm.Clock().Now() }

// document returns what the provider says of itself. It waits where nobody knows that yet, and raises
// a 503 where the provider does not answer.
func (l *login) document(L *lua.LState) *oidc.Document {
	if wait := l.provider.Wants(l.asker); wait != nil {
		l.await(L, func(ctx context.Context) {
			select {
			case <-wait:
			case <-ctx.Done():
			}
		})
	}
	d, err := l.provider.Document()
	if err != nil {
		l.refuse(L, http.StatusServiceUnavailable, textUnavailable, err.Error())
	}
	return d
}

// await gives up the hold while do waits for the provider.
func (l *login) await(L *lua.LState, do func(ctx context.Context)) {
	l.vm.Caller().Await(L, lib.WaitsOn{What: "rover.auth.oidc", Which: l.Name}, do)
}

// What clients are told. Nothing of it comes from a request or from the provider.
const (
	textUnavailable = "logins are not available now"
	textLogin       = "Unauthorized: log in first"
	textExpired     = "this login has expired, or was begun in another browser: open the page again"
	textFailed      = "the login has failed: open the page again"
	textDenied      = "the login was refused"
	textForbidden   = "Forbidden: this user has no access"
)

// refuse ends the function with an error for the client. The reason is in the line of the access log.
func (l *login) refuse(L *lua.LState, status int, text, why string) {
	if _, ok := L.Get(ctxAt(L)).(*lua.LUserData); ok {
		luaval.CallMethod(L, ctxAt(L), "log_field", 0, lua.LString("auth"), lua.LString(l.Name+": "+why))
	}
	failed := luaval.NewError(status, text)
	headers := L.CreateTable(0, 2)
	headers.RawSetString("Cache-Control", lua.LString("no-store"))
	switch status {
	case http.StatusUnauthorized:
		headers.RawSetString("WWW-Authenticate", lua.LString("OpenIDConnect"))
	case http.StatusServiceUnavailable:
		headers.RawSetString("Retry-After", lua.LString("5"))
		failed.RawSetString("cause", lua.LString(l.Name+": "+why))
		if !l.mayWarn(&l.down) {
			luaval.Quiet(failed)
		}
	}
	failed.RawSetString("headers", headers)
	L.Error(failed, 0)
}

// ctxAt is which argument of the function that runs is the ctx: that of a hook is the first, that of a
// method the second.
func ctxAt(L *lua.LState) int {
	if ud, ok := L.Get(1).(*lua.LUserData); ok {
		if _, ok := ud.Value.(*login); ok {
			return 2
		}
	}
	return 1
}

// redirect pushes what a handler or a hook returns to send a browser elsewhere: a text, a status and
// headers.
func redirect(L *lua.LState, status int, to string) int {
	headers := L.CreateTable(0, 3)
	headers.RawSetString("Location", lua.LString(to))
	headers.RawSetString("Cache-Control", lua.LString("no-store"))
	headers.RawSetString("Referrer-Policy", lua.LString("no-referrer")) // codes are in URLs
	L.Push(lua.LString(""))
	L.Push(lua.LNumber(status))
	L.Push(headers)
	return 3
}

// origin is scheme and host of a URL.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }
