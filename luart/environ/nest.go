package environ

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The bounds of what Nest makes.
const (
	MaxVariables = 1000
	MaxDepth     = 16
)

// Branch is a table of variables: texts, and branches below it.
type Branch map[string]any

// Nest makes a tree of the variables whose names begin with prefix and an underscore: each
// underscore of the rest is a step down, in small letters. environment has "NAME=value", as
// [os.Environ]. A name that would need two things at one place is an error.
func Nest(prefix string, environment []string, policy *Policy) (Branch, error) {
	type variable struct{ name, value string }
	var found []variable
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix+"_") && policy.Allows(name) {
			found = append(found, variable{name, value})
		}
	}
	if len(found) > MaxVariables {
		return nil, fmt.Errorf("%d variables begin with %s_, more than %d", len(found), prefix, MaxVariables)
	}
	slices.SortFunc(found, func(a, b variable) int { return cmp.Compare(a.name, b.name) })
	tree, by := Branch{}, map[string]string{}
	for _, v := range found {
		steps := strings.Split(strings.ToLower(v.name[len(prefix)+1:]), "_")
		if slices.Contains(steps, "") {
			return nil, fmt.Errorf("%s: a part between underscores is empty", v.name)
		}
		if len(steps) > MaxDepth {
			return nil, fmt.Errorf("%s: it has %d parts, more than %d", v.name, len(steps), MaxDepth)
		}
		at := tree
		for i := range steps {
			path := strings.Join(steps[:i+1], ".")
			there, taken := at[steps[i]]
			below, isBranch := there.(Branch)
			switch last := i == len(steps)-1; {
			case taken && (last || !isBranch):
				return nil, fmt.Errorf("%s and %s are both about %s", by[path], v.name, path)
			case last:
				at[steps[i]], by[path] = v.value, v.name
			case !taken:
				below = Branch{}
				at[steps[i]], by[path] = below, v.name
				at = below
			default:
				at = below
			}
		}
	}
	return tree, nil
}
