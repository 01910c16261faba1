package auth

import (
	"context"
	"errors"
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// verify is rover.auth.verify(token, keys[, options]): the claims and valid = true, or valid = false
// and error. What a token says cannot change these two.
func (o *opened) verify(L *lua.LState) int {
	keys := o.keysArgument(L, 2)
	rules := rules(L, 3, keys)
	claims, err := (*lua.LTable)(nil), errors.New("no token")
	if text, ok := L.Get(1).(lua.LString); ok {
		claims, err = o.check(L, string(text), keys, rules)
	}
	if err != nil {
		claims = L.CreateTable(0, 2)
		claims.RawSetString("valid", lua.LFalse)
		claims.RawSetString("error", lua.LString(err.Error()))
	} else {
		claims.RawSetString("error", lua.LNil)
		claims.RawSetString("valid", lua.LTrue)
	}
	L.Push(claims)
	return 1
}

// check checks a token, and returns its claims. It waits where keys must be got, and elsewhere for a
// signature that takes longer than the VM should be held.
func (o *opened) check(L *lua.LState, text string, keys auth.Keys, rules *auth.Rules) (*lua.LTable, error) {
	token, err := auth.Read(text)
	if err != nil {
		return nil, err
	}
	now := o.now()
	on := lib.WaitsOn{What: "rover.auth"}
	var wait <-chan struct{}
	if p, ok := keys.(*published); ok {
		if err := token.CheckClaims(rules, now); err != nil { // no key makes it good
			return nil, err
		}
		wait, on.Which = p.wants(token), p.host
	}
	if quick, ok := keys.(interface{ IsQuick() bool }); ok && quick.IsQuick() {
		err = token.Check(keys, rules, now)
	} else {
		o.scope.Caller().Await(L, on, func(ctx context.Context) {
			if wait != nil {
				select {
				case <-wait:
				case <-ctx.Done():
				}
			}
			err = token.Check(keys, rules, now)
		})
	}
	if err != nil {
		return nil, err
	}
	return claimsTable(L, token.Claims)
}

// claimsTable is an object of JSON as a table.
func claimsTable(L *lua.LState, text []byte) (*lua.LTable, error) {
	v, err := jsonlua.Decode(L, text)
	if err != nil {
		return nil, err
	}
	return v.(*lua.LTable), nil // auth.Read has found an object
}

// decode is rover.auth.decode(token): claims and header of a token that nobody has checked.
func decode(L *lua.LState) int {
	text, ok := L.Get(1).(lua.LString)
	if !ok {
		return luaval.PushFailure(L, errors.New("no token"))
	}
	token, err := auth.Read(string(text))
	if err != nil {
		return luaval.PushFailure(L, err)
	}
	claims, err := claimsTable(L, token.Claims)
	if err != nil {
		return luaval.PushFailure(L, err)
	}
	header, err := claimsTable(L, token.Header)
	if err != nil {
		return luaval.PushFailure(L, err)
	}
	L.Push(claims)
	L.Push(header)
	return 2
}

// maxTTL is how long a token may be good that a script makes: ten years.
const maxTTL = 10 * 366 * 24 * 3600

// create is rover.auth.create(claims, keys[, options]).
func (o *opened) create(L *lua.LState) int {
	claims := luaval.CheckTable(L, 1)
	var key *auth.Key
	kid, alg, ttl := "", "", 0.0
	switch keys := o.keysArgument(L, 2).(type) {
	case *auth.Key:
		key = keys
	case *auth.Set:
		kid, _, key = keys.Active()
	default:
		luaval.ArgError(L, 2, "keys that somebody else has published sign nothing: a secret, a private key or a key set expected")
	}
	if text, ok := L.Get(3).(lua.LString); ok {
		alg = string(text)
	} else if t := luaval.OptTable(L, 3); t != nil {
		createOptions.Each(L, t, 3, func(name string, v lua.LValue) {
			switch name {
			case "alg":
				alg = nameOption(L, 3, name, v)
			case "kid":
				kid = nameOption(L, 3, name, v)
			case "ttl":
				n, ok := v.(lua.LNumber)
				if !ok || n < 1 || n > maxTTL {
					luaval.CheckOption(L, 3, name, v, "seconds from 1 to ten years")
				}
				ttl = float64(n)
			}
		})
	}
	if alg != "" {
		checkAlgs(L, 3, []string{alg}, key)
	}
	text := encodeClaims(L, claims, o.now().Unix(), ttl)
	token, err := "", error(nil)
	sign := func(context.Context) { token, err = auth.Sign(text, key, kid, alg) }
	if key.IsQuick() {
		sign(nil)
	} else {
		o.scope.Caller().Await(L, lib.WaitsOn{What: "rover.auth"}, sign)
	}
	if err != nil {
		L.RaiseError("rover.auth.create: %s", err)
	}
	L.Push(lua.LString(token))
	return 1
}

// encodeClaims is a table of claims as JSON. With a time to live iat and exp are added.
func encodeClaims(L *lua.LState, claims *lua.LTable, now int64, ttl float64) []byte {
	if ttl > 0 {
		added := L.NewTable()
		claims.ForEach(added.RawSet)
		if added.RawGetString("exp") != lua.LNil {
			luaval.ArgError(L, 3, "option 'ttl': the claims have exp already")
		}
		if added.RawGetString("iat") == lua.LNil {
			added.RawSetString("iat", lua.LNumber(now))
		}
		added.RawSetString("exp", lua.LNumber(now)+lua.LNumber(math.Ceil(ttl)))
		claims = added
	}
	if first, _ := claims.Next(lua.LNil); first == lua.LNil {
		return []byte("{}")
	}
	text, err := jsonlua.Append(luaval.BudgetOf(L), nil, claims)
	if err != nil {
		luaval.ArgError(L, 1, "claims: "+err.Error())
	}
	if text[0] != '{' {
		luaval.ArgError(L, 1, "claims by name expected, got a list")
	}
	return text
}
