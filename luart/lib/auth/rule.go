package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// rule is api.admin.auth{…}: only requests with a good token get there. Without keys of its own it
// looks at the claims of a token that a rule further out has checked.
type rule struct {
	o         *opened
	keys      auth.Keys // nil: see above
	rules     auth.Rules
	header    string
	claimsKey string
	optional  bool // who brings no token gets through, without claims

	roles, scopes []string // none: any
	roleKey       string
	scopeKeys     []string // the first one that a token has counts
}

var (
	nodeOptions = luaval.NewOptions(slices.Concat([]string{"jwt"}, ruleNames,
		[]string{"header", "claims_key", "roles", "role_key", "scopes", "scope_key", "optional"})...).
		Narrowing(append(narrowingRules[:len(narrowingRules):len(narrowingRules)], "jwt", "roles", "scopes")...).Words("alg", auth.AlgNames...)
	scopesOptions = luaval.NewOptions("claims_key", "scope_key")

	defaultScopeKeys = []string{"scope", "scp"} // RFC 9068; and what others call it
)

// readNode reads what stands in the parentheses of api.admin.auth{…}.
func (o *opened) readNode(L *lua.LState) lib.Rule {
	r := &rule{
		o: o, rules: auth.DefaultRules(), header: defaultHeader, claimsKey: defaultClaimsKey,
		roleKey: defaultRoleKey, scopeKeys: defaultScopeKeys,
	}
	var ofToken, ofClaims string // options that are about that
	nodeOptions.Each(L, luaval.CheckTable(L, 1), 1, func(name string, v lua.LValue) {
		switch name {
		case "jwt":
			var err error
			if r.keys, err = o.keysOf(L, v); err != nil {
				luaval.ArgError(L, 1, "option 'jwt': "+err.Error())
			} else if r.keys == nil {
				luaval.CheckOption(L, 1, name, v, whatKeys)
			}
		case "header":
			ofToken, r.header = name, headerOption(L, 1, name, v)
		case "claims_key":
			r.claimsKey = nameOption(L, 1, name, v)
		case "roles":
			ofClaims = name
			var ok bool
			if r.roles, ok = names(v, 1); !ok {
				luaval.CheckOption(L, 1, name, v, "a role, or a list of roles")
			}
		case "role_key":
			r.roleKey = claimOption(L, 1, name, v)
		case "scopes":
			ofClaims = name
			if r.scopes = scopesOption(L, 1, v); r.scopes == nil {
				luaval.CheckOption(L, 1, name, v, "a scope, or a list of scopes")
			}
		case "scope_key":
			r.scopeKeys = []string{claimOption(L, 1, name, v)}
		case "optional":
			if v != lua.LTrue && v != lua.LFalse {
				luaval.CheckOption(L, 1, name, v, "a boolean")
			}
			if r.optional = v == lua.LTrue; r.optional {
				ofToken = name
			}
		default:
			ofToken = name
			readRule(L, 1, &r.rules, name, v)
		}
	})
	switch {
	case r.keys == nil && ofToken != "":
		luaval.ArgError(L, 1, "option '"+ofToken+"' is about a token, and jwt does not say what checks it")
	case r.optional && ofClaims != "":
		luaval.ArgError(L, 1, "option '"+ofClaims+"' needs a token, and with optional there may be none: give it to an auth { "+ofClaims+" = … } of its own")
	}
	if n := shortest(r.keys); n > 0 {
		luaval.ArgError(L, 1, fmt.Sprintf("option 'jwt': a secret of %d bytes can be guessed from one token: %s", n, shortRemedy))
	}
	checkAlgs(L, 1, r.rules.Algs, r.keys)
	o.warnHeader(L, r.header)
	return r
}

// Gives implements lib.Rule.
func (r *rule) Gives() string {
	if r.keys == nil {
		return ""
	}
	return r.claimsKey
}

// Needs implements lib.Rule.
func (r *rule) Needs() string {
	if r.keys == nil {
		return r.claimsKey
	}
	return ""
}

// Token implements lib.TokenRule.
func (r *rule) Token() lib.Token {
	t := lib.Token{Optional: r.optional, Scopes: r.scopes, Roles: r.roles}
	if r.keys != nil {
		t.Header = r.header
		_, t.Fetched = r.keys.(*published)
	}
	return t
}

// Admit implements lib.Rule.
func (r *rule) Admit(ctx context.Context, req *http.Request, known lib.Facts) (lib.Facts, error) {
	if r.keys == nil {
		token, ok := known.(*claims)
		if !ok { // the rule further out let it through without a token
			return nil, errNoToken
		}
		return nil, r.checkClaims(token.token())
	}
	values := req.Header[r.header]
	if r.optional && len(values) == 0 {
		return nil, nil
	}
	text, refused := bearer(values, r.header)
	if refused != nil {
		return nil, refused
	}
	token, err := auth.Read(text)
	if err != nil {
		return nil, denial(err)
	}
	if p, ok := r.keys.(*published); ok {
		if err := token.CheckClaims(&r.rules, r.o.now()); err != nil { // no key makes it good
			return nil, denial(err)
		}
		if wait := p.wants(token); wait != nil {
			select {
			case <-wait:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	if err := token.Check(r.keys, &r.rules, r.o.now()); err != nil {
		return nil, denial(err)
	}
	if sub, ok := token.Text("sub"); ok && !lib.IsHeaderValue(sub) {
		return nil, denial(errSub)
	}
	if err := r.checkClaims(token); err != nil {
		return nil, err
	}
	return (*claims)(token), nil
}

// errSub is about a subject such as " root", which another server would take for root.
var errSub = errors.New("the claim sub has blanks at its ends or control characters: as a header it would be another one")

// checkClaims is about what the token lets its bearer do.
func (r *rule) checkClaims(token *auth.Token) error {
	if r.roles != nil {
		has, _ := token.Names(r.roleKey)
		if refused := checkRoles(r.roles, has.First(), has.Has); refused != nil {
			return refused
		}
	}
	if r.scopes == nil {
		return nil
	}
	var has auth.Names
	for _, key := range r.scopeKeys {
		if token.Has(key) {
			has, _ = token.Names(key)
			break
		}
	}
	if refused := checkScopes(r.scopes, has.HasWord); refused != nil {
		return refused
	}
	return nil
}

// claims are those of a token that was checked.
type claims auth.Token

func (c *claims) token() *auth.Token { return (*auth.Token)(c) }

// Text implements lib.Facts.
func (c *claims) Text(name string) (string, bool) { return c.token().Text(name) }

// Value implements lib.Facts.
func (c *claims) Value(L *lua.LState) (lua.LValue, error) { return claimsTable(L, c.Claims) }

// noToken are headers that have a meaning of their own, beside those of framing.
var noToken = []string{"Host", "Cookie", "Content-Type", "Origin", "Referer", "Forwarded", "X-Forwarded-For", "User-Agent"}

// warnHeader says that Caddy hides Authorization in the access log, and no other header.
func (o *opened) warnHeader(L *lua.LState, header string) {
	if header != defaultHeader && header != "Proxy-Authorization" {
		o.warn(L, "tokens in the header "+header+" stand in the access log as they are",
			"have Caddy leave it out: format filter { fields { request>headers>"+header+" delete } }")
	}
}

// headerOption reads an option that is the name of a header.
func headerOption(L *lua.LState, n int, name string, v lua.LValue) string {
	header := nameOption(L, n, name, v)
	if !httpguts.ValidHeaderFieldName(header) {
		luaval.CheckOption(L, n, name, v, "the name of a header")
	}
	header = http.CanonicalHeaderKey(header)
	if luaval.IsFraming(header) || slices.Contains(noToken, header) {
		luaval.ArgError(L, n, "option '"+name+"': "+header+" has something else than a token: Authorization or a header of its own expected")
	}
	return header
}

// scopesOption reads scopes: a text, or a list of texts. They are in the answers of who lacks one, and
// have the characters of RFC 6749 section 3.3. nil: it is something else.
func scopesOption(L *lua.LState, n int, v lua.LValue) []string {
	list, ok := names(v, 1)
	if !ok {
		return nil
	}
	for _, scope := range list {
		if len(scope) > maxName || strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			luaval.ArgError(L, n, "a scope is a text of 1 to 128 visible characters of ASCII, without quotes and backslashes; several are a list")
		}
	}
	return list
}
