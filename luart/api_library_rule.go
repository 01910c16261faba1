package luart

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// addRule gives the places of the script a rule of a library: lib.Scope.AddRule.
func (g *Generation) addRule(kind string, read func(L *lua.LState) lib.Rule) {
	if g.api.Rules[kind] != nil {
		panic(fmt.Sprintf("there is a rule %s already", kind))
	}
	g.api.Rules[kind] = func(L *lua.LState, n *api.Node) {
		rule := &libraryRule{Rule: read(L), kind: kind, where: luaval.CallerLine(L)}
		rule.name = g.ruleNameAt(L, n, kind, "")
		rule.counts = g.vm.rules.of(RuleID{kind, rule.name})
		fn := g.vm.main.NewFunction(func(L *lua.LState) int { return rule.hook(L, g.vm) })
		rule.asHook = newHook(api.Definition{Name: rule.name, Fn: fn, Where: rule.where}, kind+" "+rule.name)
		n.Rules = append(n.Rules, api.Rule{Kind: kind, Name: rule.name, Where: rule.where, Rule: rule})
	}
}

// checkRules finds a rule that wants what no rule at its place or further out learns of a
// request. gives is what those learn that are further out.
func (g *Generation) checkRules(n *api.Node, gives []string) *ScriptError {
	gives = slices.Clip(gives)
	for _, r := range n.Rules {
		rule, ok := r.Rule.(*libraryRule)
		if !ok {
			continue
		}
		if needs := rule.Needs(); needs != "" && !slices.Contains(gives, needs) {
			return ruleError(r, fmt.Sprintf("%s has no key of its own, and no %[1]s with a key before it covers %[2]s: give it jwt, or one with jwt to a place further out",
				r.Kind, cmp.Or(n.Path(), "/")))
		}
		if name := rule.Gives(); name != "" {
			gives = append(gives, name)
		}
	}
	for _, r := range n.Rules {
		if claim := claimOf(r.Rule); claim != "" && !slices.Contains(gives, identity) {
			return ruleError(r, fmt.Sprintf(`%s: option 'key' is "jwt:%s", but no auth covers %s: give it, or a place further out, auth { jwt = … }`,
				r.Kind, claim, cmp.Or(n.Path(), "/")))
		}
	}
	for _, child := range n.Children {
		if err := g.checkRules(child, gives); err != nil {
			return err
		}
	}
	return nil
}

func ruleError(r api.Rule, text string) *ScriptError {
	return &ScriptError{Status: http.StatusInternalServerError, Message: r.Where + ": " + text}
}
