package rover

import (
	"net/http"

	"github.com/caddy-rover/rover/luart"
)

// scriptRoutes is what a script has put below api.
type scriptRoutes struct {
	Script string        `json:"script"`
	Routes []luart.Route `json:"routes"` // in the order in which they are tried
	Hooks  []luart.Hook  `json:"hooks"`  // each once, also where nothing is routed
}

// vmRoutes are the scripts of a VM with their routes.
type vmRoutes struct {
	VM      string         `json:"vm"`
	Scripts []scriptRoutes `json:"scripts"`
	// Costs are what the routes have cost since the VM began, by name ("GET /users/:id"): of
	// all scripts together, those that are routed no more included. A script that does not
	// run has none.
	Costs []liveCost `json:"costs,omitempty"`
}

// adminListRoutes is GET /rover/routes[?vm=name].
func adminListRoutes(a *App, w http.ResponseWriter, r *http.Request) error {
	programs, err := a.programsOf(r)
	if err != nil {
		return err
	}
	list := make([]vmRoutes, 0, len(programs))
	for _, p := range programs {
		list = append(list, p.routes())
	}
	return writeJSON(w, map[string]any{"vms": list})
}

// routes returns what the scripts route that serve now. Any goroutine may call it.
func (p *program) routes() vmRoutes {
	v := vmRoutes{VM: p.vm.name, Scripts: []scriptRoutes{}}
	seen := map[string]bool{}
	for _, h := range p.handlers {
		gen := h.live.Load()
		if gen == nil || seen[h.path] {
			continue
		}
		seen[h.path] = true
		v.Scripts = append(v.Scripts, scriptRoutes{h.path, gen.Routes(), gen.Hooks()})
	}
	costs, _ := p.vm.Costs()
	v.Costs = liveCosts(costs)
	return v
}
