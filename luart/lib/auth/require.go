package auth

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

const (
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
				header = headerOption(L, 3, name, v)
			default:
				readRule(L, 3, &rules, name, v)
			}
		})
	}
	checkAlgs(L, 3, rules.Algs, keys)
	o.warnHeader(L, header)
	L.Push(L.NewFunction(func(L *lua.LState) int {
		values := o.scope.Request(L, 1).HTTP().Header[header]
		text, refused := bearer(values, header)
		if refused != nil {
			raise(L, refused)
		}
		claims, err := o.check(L, text, keys, &rules)
		if err != nil {
			raise(L, denial(err))
		}
		luaval.CallMethod(L, 1, "set", 0, lua.LString(claimsKey), claims)
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

// raise ends the hook of argument 1, a ctx. The reason is in the line of the access log.
func raise(L *lua.LState, r *lib.RefusedError) {
	luaval.CallMethod(L, 1, "log_field", 0, lua.LString("auth"), lua.LString(r.Why))
	failed := luaval.NewError(r.Status, r.Message)
	headers := L.CreateTable(0, len(r.Header))
	for name := range r.Header {
		headers.RawSetString(name, lua.LString(r.Header.Get(name)))
	}
	failed.RawSetString("headers", headers)
	L.Error(failed, 0)
}

// allowRoles is rover.auth.allow_roles(api, roles[, options]): a before hook, behind that of
// require.
func allowRoles(L *lua.LState) int {
	checkAPI(L)
	roles, ok := names(L.Get(2), 1)
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
				roleKey = claimOption(L, 3, name, v)
			}
		})
	}
	L.Push(claimsHook(L, claimsKey, func(L *lua.LState, claims *lua.LTable) *lib.RefusedError {
		first := ""
		has, known := names(claim(claims, roleKey), 1)
		if known && len(has) > 0 {
			first = has[0]
		}
		return checkRoles(roles, first, func(role string) bool { return slices.Contains(has, role) })
	}))
	return 1
}

// allowScopes is rover.auth.allow_scopes(api, scopes[, options]): likewise, for what a client may do.
func allowScopes(L *lua.LState) int {
	checkAPI(L)
	scopes := scopesOption(L, 2, L.Get(2))
	if scopes == nil {
		luaval.ArgTypeError(L, 2, "a scope, or a list of scopes")
	}
	claimsKey, scopeKeys := defaultClaimsKey, defaultScopeKeys
	if t := luaval.OptTable(L, 3); t != nil {
		scopesOptions.Each(L, t, 3, func(name string, v lua.LValue) {
			switch name {
			case "claims_key":
				claimsKey = nameOption(L, 3, name, v)
			case "scope_key":
				scopeKeys = []string{claimOption(L, 3, name, v)}
			}
		})
	}
	L.Push(claimsHook(L, claimsKey, func(L *lua.LState, claims *lua.LTable) *lib.RefusedError {
		for _, key := range scopeKeys {
			if v := claim(claims, key); v != lua.LNil {
				has, known := names(v, 1)
				if !known {
					has = nil
				}
				if text, ok := v.(lua.LString); ok { // RFC 8693 section 4.2
					has = strings.Split(string(text), " ")
				}
				return checkScopes(scopes, func(scope string) bool { return slices.Contains(has, scope) })
			}
		}
		return checkScopes(scopes, func(string) bool { return false })
	}))
	return 1
}

// claimsHook is a before hook behind that of require, or a rule auth.
func claimsHook(L *lua.LState, claimsKey string, check func(L *lua.LState, claims *lua.LTable) *lib.RefusedError) *lua.LFunction {
	return L.NewFunction(func(L *lua.LState) int {
		luaval.CallMethod(L, 1, "get", 1, lua.LString(claimsKey))
		claims, ok := L.Get(-1).(*lua.LTable)
		L.Pop(1)
		refused := errNoClaims
		if ok {
			refused = check(L, claims)
		}
		if refused != nil {
			raise(L, refused)
		}
		return 0
	})
}

// claim returns a claim by its name, or by the names that lead to it: realm_access.roles. If there
// are both, it could be read in two ways, and is none.
func claim(claims *lua.LTable, name string) lua.LValue {
	flat := claims.RawGetString(name)
	if !strings.Contains(name, ".") {
		return flat
	}
	var v lua.LValue = claims
	for step := range strings.SplitSeq(name, ".") {
		if t, ok := v.(*lua.LTable); ok {
			v = t.RawGetString(step)
		} else {
			v = lua.LNil
		}
	}
	switch {
	case flat == lua.LNil:
		return v
	case v == lua.LNil:
		return flat
	}
	return lua.LNil
}
