package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/spelling"
)

// granted is for what the Caddyfile does not let the script use.
func (c *checker) granted(f *checkedFile, e *ast.AttrGetExpr, s sighting) {
	key, ok := e.Key.(*ast.StringExpr)
	if c.o.Given == nil || !ok || s.role == roleWritten {
		return
	}
	h := c.finder(f)
	report := func(message, remedy string) {
		line, column := f.fieldAt(e, key)
		c.add(f.File, line, column, Error, "not-granted", message, remedy)
	}
	for name, grant := range c.o.Given.Withheld {
		all := !strings.Contains(name, ".") // functions of the library
		if !(h.IsRover(e, s.scope, name) && (!all || s.role == roleCalled)) && !(all && h.IsRover(e.Object, s.scope, name)) {
			continue
		}
		report(fmt.Sprintf("%s needs %s, which the Caddyfile does not give the script", hint.Text(e), grant),
			fmt.Sprintf("add %q to the rover block of the Caddyfile", grant))
		return
	}
	if h.IsRover(e.Object, s.scope, "env") && key.Value != "get" && !c.o.Given.Env.Allows(key.Value) {
		report(key.Value+" is not among the variables that allow env names", fmt.Sprintf("add %q to the rover block of the Caddyfile", "allow env "+key.Value))
	}
}

// setting is for a name of rover.config that no set of the Caddyfile gives a value, where nothing is
// said for that case.
func (c *checker) setting(f *checkedFile, e *ast.AttrGetExpr, s sighting) {
	key, ok := e.Key.(*ast.StringExpr)
	if c.o.Given == nil || !ok || s.role == roleWritten || s.role == roleTested || !c.finder(f).IsRover(e.Object, s.scope, "config") ||
		slices.Contains([]string{"load", "from_env"}, key.Value) {
		return
	}
	name := hint.Text(e.Object) + "." + key.Value
	if _, ok := c.o.Given.Config[key.Value]; ok || c.tested[name] || c.assigned[name] {
		return
	}
	remedy := spelling.DidYouMean(spelling.Nearest(key.Value, slices.Sorted(maps.Keys(c.o.Given.Config))))
	if remedy == "" {
		remedy = fmt.Sprintf("add \"set %s …\" to the rover block of the Caddyfile; where it may be missing, write %s or …", key.Value, name)
	}
	line, column := f.fieldAt(e, key)
	c.add(f.File, line, column, Warning, "unknown-setting", fmt.Sprintf("no set of the Caddyfile has %s: it is nil", key.Value), remedy)
}

// fieldAt returns where the name of a field stands.
func (f *checkedFile) fieldAt(e *ast.AttrGetExpr, key *ast.StringExpr) (line, column int) {
	words := append(wordsOf(e.Object), ".", key.Value)
	return f.place(min(e.Line(), key.Line()), key.Line(), len(words)-1, words...)
}
