package environ

import (
	"fmt"
	"strings"
)

// Policy says which variables may be read. The zero value and nil let everything be read.
type Policy struct {
	names    map[string]bool
	prefixes []string
	narrow   bool
}

// ParsePolicy reads rules: names of variables, and beginnings of names with a * behind them
// ("APP_*"). Without rules everything may be read.
func ParsePolicy(rules []string) (*Policy, error) {
	p := &Policy{names: map[string]bool{}, narrow: len(rules) > 0}
	for _, rule := range rules {
		name, all := strings.CutSuffix(rule, "*")
		switch {
		case rule == "*":
			return nil, fmt.Errorf("rule '*': without rules every variable is allowed")
		case !IsName(name):
			return nil, fmt.Errorf("rule '%s': the name of a variable expected, or its beginning, as in APP_*", rule)
		case all:
			p.prefixes = append(p.prefixes, name)
		default:
			p.names[name] = true
		}
	}
	return p, nil
}

// IsName reports whether a variable may have that name: letters, digits and underscores, and no
// digit comes first.
func IsName(name string) bool {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	return strings.Trim(name, nameBytes) == ""
}

const nameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

// Allows reports whether a variable may be read.
func (p *Policy) Allows(name string) bool {
	if p == nil || !p.narrow || p.names[name] {
		return true
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// AllowsBelow reports whether any variable whose name begins with prefix may be read.
func (p *Policy) AllowsBelow(prefix string) bool {
	if p.Allows(prefix) {
		return true
	}
	for name := range p.names {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, allowed := range p.prefixes {
		if strings.HasPrefix(allowed, prefix) {
			return true
		}
	}
	return false
}
