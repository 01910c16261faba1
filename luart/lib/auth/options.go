package auth

import (
	"fmt"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/luaval"
)

var (
	createOptions  = luaval.NewOptions("alg", "ttl", "kid").Words("alg", auth.AlgNames...)
	verifyOptions  = luaval.NewOptions(ruleNames...).Narrowing(narrowingRules...).Words("alg", auth.AlgNames...)
	requireOptions = luaval.NewOptions(append(ruleNames[:len(ruleNames):len(ruleNames)], "claims_key", "header")...).Narrowing(narrowingRules...).Words("alg", auth.AlgNames...)
	rolesOptions   = luaval.NewOptions("claims_key", "role_key")

	ruleNames      = []string{"alg", "iss", "aud", "leeway", "require"}
	narrowingRules = []string{"alg", "iss", "aud", "require"}
)

const maxName = 128

// rules reads argument n of verify: options, or the name of an algorithm.
func rules(L *lua.LState, n int, keys auth.Keys) *auth.Rules {
	r := auth.DefaultRules()
	if alg, ok := L.Get(n).(lua.LString); ok {
		readRule(L, n, &r, "alg", alg)
	} else if t := luaval.OptTable(L, n); t != nil {
		verifyOptions.Each(L, t, n, func(name string, v lua.LValue) { readRule(L, n, &r, name, v) })
	}
	checkAlgs(L, n, r.Algs, keys)
	return &r
}

// checkAlgs raises for an algorithm that a key of the script does not have: a secret is no key of
// RS256, and a public one none of HS256.
func checkAlgs(L *lua.LState, n int, algs []string, keys auth.Keys) {
	if key, ok := keys.(*auth.Key); ok {
		if err := key.Check(algs); err != nil {
			luaval.ArgError(L, n, "option 'alg': "+err.Error())
		}
	}
}

func readRule(L *lua.LState, n int, r *auth.Rules, name string, v lua.LValue) {
	want, ok := "a text or a list of texts", false
	switch name {
	case "alg":
		r.Algs, ok = names(v, 1)
		for _, alg := range r.Algs {
			if !auth.IsAlg(alg) {
				luaval.ArgError(L, n, fmt.Sprintf("option 'alg': %.40q is no algorithm that is accepted", alg))
			}
		}
	case "iss":
		r.Issuers, ok = names(v, 1)
	case "aud":
		r.Audiences, ok = names(v, 1)
	case "require":
		r.Require, ok = names(v, 0)
		for _, claim := range r.Require {
			if strings.ContainsAny(claim, " \t\r\n,") {
				luaval.ArgError(L, n, fmt.Sprintf("option 'require': %.40q is no name of one claim: several are a list, { \"exp\", \"sub\" }", claim))
			}
		}
	case "leeway":
		seconds, isNumber := v.(lua.LNumber)
		want = fmt.Sprintf("seconds from 0 to %.0f", auth.MaxLeeway.Seconds())
		if ok = isNumber && seconds >= 0 && float64(seconds) <= auth.MaxLeeway.Seconds(); ok {
			r.Leeway = time.Duration(float64(seconds) * float64(time.Second))
		}
	}
	if !ok {
		luaval.CheckOption(L, n, name, v, want)
	}
}

// names is a text, or a list of at least so many. None is empty.
func names(v lua.LValue, least int) ([]string, bool) {
	list, ok := luaval.Texts(v, least)
	return list, ok && !slices.Contains(list, "")
}

// nameOption reads an option that is a name.
func nameOption(L *lua.LState, n int, name string, v lua.LValue) string {
	text, ok := v.(lua.LString)
	if !ok || text == "" || len(text) > maxName {
		luaval.CheckOption(L, n, name, v, fmt.Sprintf("a text of 1 to %d bytes", maxName))
	}
	return string(text)
}

// claimOption reads an option that is the name of a claim, or the names that lead to it.
func claimOption(L *lua.LState, n int, name string, v lua.LValue) string {
	claim := nameOption(L, n, name, v)
	if strings.HasPrefix(claim, ".") || strings.HasSuffix(claim, ".") || strings.Contains(claim, "..") {
		luaval.ArgError(L, n, fmt.Sprintf("option '%s': %q has a name that is empty: realm_access.roles, say, expected", name, claim))
	}
	return claim
}
