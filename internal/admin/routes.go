package admin

import (
	"net/http"

	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
)

// ScriptRoutes is what a script has put below api.
type ScriptRoutes struct {
	Script string        `json:"script"`
	Routes []luart.Route `json:"routes"` // in the order in which they are tried
	Hooks  []luart.Hook  `json:"hooks"`  // each once, also where nothing is routed
}

// VMRoutes are the scripts of a VM with their routes.
type VMRoutes struct {
	VM      string         `json:"vm"`
	Scripts []ScriptRoutes `json:"scripts"`
	// Costs are what the routes have cost since the VM began, by name ("GET /users/:id"): of
	// all scripts together, those that are routed no more included. A script that does not
	// run has none.
	Costs []Cost `json:"costs,omitempty"`
}

// getRoutes is GET /rover/routes[?vm=name].
func getRoutes(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	return writeDescriptions(group, w, r, func(set *scripts.Set) (VMRoutes, error) { return routesOf(set), nil })
}

// routesOf returns what the scripts of a set route that serve now. Any goroutine may call it.
func routesOf(set *scripts.Set) VMRoutes {
	v := VMRoutes{VM: set.VM().Name, Scripts: []ScriptRoutes{}}
	seen := map[string]bool{}
	for _, script := range set.Scripts() {
		gen, path := script.Live(), script.Path()
		if gen == nil || seen[path] {
			continue
		}
		seen[path] = true
		v.Scripts = append(v.Scripts, ScriptRoutes{path, gen.Routes(), gen.Hooks()})
	}
	costs, _ := set.VM().Costs()
	v.Costs = newCosts(costs)
	return v
}
