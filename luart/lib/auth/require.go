package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/luaval"
)

// What clients are told: the same for all that is wrong with a token.
const (
	textMissing     = "Unauthorized: missing Authorization bearer token"
	textScheme      = "Unauthorized: Authorization must use Bearer token"
	textInvalid     = "Unauthorized: invalid or expired token"
	textUnavailable = "tokens cannot be checked now"

	defaultClaimsKey = "auth"
	defaultRoleKey   = "role"
	defaultHeader    = "Authorization"
)

// require is rover.auth.require(api, keys[, options]): a before hook.
func (o *opened) require(L *lua.LState) int {
	checkAPI(L)
	keys := o.keysArgument(L, 2)
	rules, claimsKey, header := auth.DefaultRules(), defaultClaimsKey, defaultHeader
	if t := luaval.OptTable(L, 3); t != nil {
		requireOptions.Each(L, t, 3, func(name string, v lua.LValue) {
			switch name {
			case "claims_key":
				claimsKey = nameOption(L, 3, name, v)
			case "header":
				header = nameOption(L, 3, name, v)
				if !httpguts.ValidHeaderFieldName(header) {
					luaval.CheckOption(L, 3, name, v, "the name of a header")
				}
				header = http.CanonicalHeaderKey(header)
			default:
				readRule(L, 3, &rules, name, v)
			}
		})
	}
	checkAlgs(L, 3, rules.Algs, keys)
	L.Push(L.NewFunction(func(L *lua.LState) int {
		values := o.scope.Request(L, 1).HTTP().Header[header]
		text, refused := bearer(values, header)
		if refused != nil {
			refused.raise(L)
		}
		claims, err := o.check(L, text, keys, &rules)
		if err != nil {
			denial(err).raise(L)
		}
		callMethod(L, 1, "set", 0, lua.LString(claimsKey), claims)
		return 0
	}))
	return 1
}

// checkAPI catches a call without its first argument.
func checkAPI(L *lua.LState) {
	switch L.Get(1).(type) {
	case *lua.LUserData, *lua.LTable:
		return
	}
	luaval.ArgTypeError(L, 1, "api, which rover.server returns")
}

// refusal is what a client gets that does not get through.
type refusal struct {
	status    int
	text      string
	challenge string // WWW-Authenticate, "": none
	why       string // for the log
}

// bearer returns the token of a header. The name of the scheme is in any case of letters, RFC 9110.
func bearer(values []string, header string) (token string, refused *refusal) {
	switch {
	case len(values) > 1: // which one counts?
		return "", &refusal{http.StatusBadRequest, "more than one header " + header, `Bearer error="invalid_request"`, "more than one header"}
	case len(values) == 0 || strings.Trim(values[0], " \t") == "":
		return "", &refusal{http.StatusUnauthorized, textMissing, "Bearer", "no token"}
	}
	scheme, token, _ := strings.Cut(strings.Trim(values[0], " \t"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", &refusal{http.StatusUnauthorized, textScheme, "Bearer", "another scheme"}
	}
	return strings.TrimLeft(token, " "), nil
}

// denial is what a client gets whose token is bad, or whose token nobody can check.
func denial(err error) *refusal {
	if errors.Is(err, auth.ErrUnavailable) {
		return &refusal{http.StatusServiceUnavailable, textUnavailable, "", err.Error()}
	}
	return &refusal{http.StatusUnauthorized, textInvalid, `Bearer error="invalid_token"`, err.Error()}
}

// raise ends the hook of argument 1, a ctx. The reason is in the line of the access log.
func (r *refusal) raise(L *lua.LState) {
	callMethod(L, 1, "log_field", 0, lua.LString("auth"), lua.LString(r.why))
	failed := luaval.NewError(r.status, r.text)
	if r.challenge != "" {
		headers := L.CreateTable(0, 1)
		headers.RawSetString("WWW-Authenticate", lua.LString(r.challenge))
		failed.RawSetString("headers", headers)
	}
	L.Error(failed, 0)
}

// allowRoles is rover.auth.allow_roles(api, roles[, options]): a before hook, behind that of
// require.
func allowRoles(L *lua.LState) int {
	checkAPI(L)
	roles, ok := texts(L.Get(2), 1)
	if !ok {
		luaval.ArgTypeError(L, 2, "a role, or a list of roles")
	}
	claimsKey, roleKey := defaultClaimsKey, defaultRoleKey
	if t := luaval.OptTable(L, 3); t != nil {
		rolesOptions.Each(L, t, 3, func(name string, v lua.LValue) {
			switch name {
			case "claims_key":
				claimsKey = nameOption(L, 3, name, v)
			case "role_key":
				roleKey = nameOption(L, 3, name, v)
			}
		})
	}
	allowed := map[string]bool{}
	for _, role := range roles {
		allowed[role] = true
	}
	L.Push(L.NewFunction(func(L *lua.LState) int {
		callMethod(L, 1, "get", 1, lua.LString(claimsKey))
		claims, ok := L.Get(-1).(*lua.LTable)
		L.Pop(1)
		if !ok {
			(&refusal{http.StatusUnauthorized, "Unauthorized: missing auth context", "Bearer", "no claims"}).raise(L)
		}
		has, known := texts(claim(claims, roleKey), 1)
		if !known {
			(&refusal{http.StatusForbidden, "Forbidden: missing role claim", "", "no role"}).raise(L)
		}
		for _, role := range has {
			if allowed[role] {
				return 0
			}
		}
		(&refusal{http.StatusForbidden, fmt.Sprintf("Forbidden: role '%.64s' not allowed", has[0]), "", "another role"}).raise(L)
		return 0
	}))
	return 1
}

// claim returns a claim by its name, or by the names that lead to it: realm_access.roles.
func claim(claims *lua.LTable, name string) lua.LValue {
	if v := claims.RawGetString(name); v != lua.LNil {
		return v
	}
	var v lua.LValue = claims
	for step := range strings.SplitSeq(name, ".") {
		t, ok := v.(*lua.LTable)
		if !ok {
			return lua.LNil
		}
		v = t.RawGetString(step)
	}
	return v
}

// callMethod calls a method of argument n. Its results are on the stack.
func callMethod(L *lua.LState, n int, name string, results int, args ...lua.LValue) {
	self := L.Get(n)
	L.Push(L.GetField(self, name))
	L.Push(self)
	for _, arg := range args {
		L.Push(arg)
	}
	L.Call(1+len(args), results)
}
