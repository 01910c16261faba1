// Package auth is rover.auth: tokens that somebody has signed, and who gets through with one.
package auth

import (
	_ "embed"
	"net/url"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/oidc"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
)

//go:embed auth.lua
var stubs string

// Library is rover.auth.
var Library = &lib.Library{
	Name: "auth", Stubs: stubs + oidc.Stubs,
	Words: map[string]luaval.Words{
		"create": {Arg: 3, Names: auth.AlgNames}, "verify": {Arg: 3, Names: auth.AlgNames},
		"rotate": {Arg: 2, Names: kinds}, "active": {Arg: 2, Names: kinds},
	},
	Needs: map[string]lib.Grant{"jwks": lib.AllowNet, "oidc": lib.AllowNet},
	Makes: map[string]string{"secrets": "key set", "jwks": "published keys", "oidc": "login"},
	Options: map[string]luaval.OptionsAt{
		"create": createOptions.At(3), "verify": verifyOptions.At(3), "secrets": secretsOptions.At(1),
		"require": requireOptions.At(3), "allow_roles": rolesOptions.At(3), "allow_scopes": scopesOptions.At(3),
		"node.auth": nodeOptions.At(1),
		"oidc":      oidc.Options.At(1), "login:logout": oidc.LogoutOptions.At(2),
	},
	Explains: true,
	NewState: newState, Open: open,
}

const (
	// MaxURLs bounds the addresses of keys that the scripts of a VM name.
	MaxURLs = 100

	// maxParsed bounds the keys that a script gives as text and that are kept as keys: it is not to
	// read PEM for every request.
	maxParsed = 100
)

// state is what a VM keeps: keys that were published outlive a reload, so that no request fails
// because the server that publishes them is down just then.
type state struct {
	set, jwks *lua.LTable
	published map[string]*shared
	logins    *oidc.State
}

// shared are the keys of an address, with the number of generations that use them.
type shared struct {
	*auth.JWKS
	users int
}

func newState(vm lib.VM) any {
	return &state{
		set:       luaval.NewType(vm.L(), "key set", nil, nil),
		jwks:      luaval.NewType(vm.L(), "published keys", nil, nil),
		published: map[string]*shared{},
		logins:    oidc.NewState(vm),
	}
}

// opened is the library in one generation.
type opened struct {
	scope  *lib.Scope
	state  *state
	parsed map[string]*auth.Key
	warned map[string]bool // what was said of keys
	urls   map[string]*published
	client *outbound.Client // made when it is needed
}

// keySet is what rover.auth.secrets has made.
type keySet struct{ signing, encryption *auth.Set }

// SealingKeys are the keys for encryption, the one that seals first; nil: there are none.
func (s *keySet) SealingKeys() []string {
	if s.encryption == nil {
		return nil
	}
	return s.encryption.Texts()
}

// published is what rover.auth.jwks has made.
type published struct {
	*auth.JWKS
	fetch auth.Fetcher
	host  string
}

// wants has the keys asked for, if the token makes it necessary, and returns what to wait for.
func (p *published) wants(token *auth.Token) <-chan struct{} {
	kid, has := token.Kid()
	return p.Wants(kid, has, p.fetch)
}

func open(scope *lib.Scope) lua.LValue {
	o := &opened{
		scope: scope, state: scope.State.(*state), parsed: map[string]*auth.Key{}, warned: map[string]bool{},
		urls: map[string]*published{},
	}
	scope.OnRetire(o.retire)
	scope.AddRule("auth", o.readNode)
	logins := oidc.Open(scope, o.state.logins)
	scope.OnRetire(logins.Retire)
	scope.OnLoaded(logins.Loaded)
	t := scope.L().NewTable()
	scope.L().SetFuncs(t, map[string]lua.LGFunction{
		"create":       o.create,
		"verify":       o.verify,
		"decode":       decode,
		"secrets":      o.secrets,
		"rotate":       o.rotate,
		"active":       active,
		"jwks":         o.jwks,
		"require":      o.require,
		"allow_roles":  allowRoles,
		"allow_scopes": allowScopes,
		"oidc":         logins.Oidc,
	})
	return t
}

func (o *opened) retire() {
	for url := range o.urls {
		if s := o.state.published[url]; s != nil {
			if s.users--; s.users == 0 {
				delete(o.state.published, url)
			}
		}
	}
	o.urls = map[string]*published{}
	if o.client != nil {
		o.client.Close()
	}
}

func (o *opened) now() time.Time { return o.scope.Clock().Now() }

// jwks is rover.auth.jwks(url).
func (o *opened) jwks(L *lua.LState) int {
	text := luaval.CheckString(L, 1)
	if o.scope.Grants.Net == nil {
		L.RaiseError("rover.auth.jwks needs `allow net` in the rover block of the Caddyfile")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		luaval.ArgError(L, 1, "a URL expected that begins with https:// and has a host, and no user")
	}
	if err := o.scope.Grants.Net.CheckURL(u); err != nil { // all tokens would get 503
		luaval.ArgError(L, 1, err.Error()+": add it in the rover block of the Caddyfile")
	}
	p := o.urls[text]
	if p == nil {
		p = o.publish(L, text, u)
	}
	L.Push(luaval.NewObject(o.state.jwks, p))
	return 1
}

func (o *opened) publish(L *lua.LState, text string, u *url.URL) *published {
	s := o.state.published[text]
	if s == nil {
		if len(o.state.published) >= MaxURLs {
			L.RaiseError("rover.auth.jwks: more than %d addresses", MaxURLs)
		}
		s = &shared{JWKS: auth.NewJWKS(o.scope.Clock().Now)}
		o.state.published[text] = s
	}
	s.users++
	if u.Scheme == "http" {
		o.warn(L, "keys come over plain HTTP: who is on the way can replace them, and make tokens", "use https")
	}
	p := &published{JWKS: s.JWKS, host: u.Host, fetch: o.fetcher(u)}
	o.urls[text] = p
	return p
}

// warn says once in a generation and line what is wrong with a key.
func (o *opened) warn(L *lua.LState, what, remedy string) {
	at := luaval.CallerLine(L)
	if key := at + what; !o.warned[key] && len(o.warned) < maxParsed {
		o.warned[key] = true
		o.scope.Logger().Warn(what, zap.String("script", o.scope.Script), zap.String("at", at), zap.String("remedy", remedy))
	}
}
