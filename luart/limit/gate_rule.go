package limit

import (
	"math"
	"slices"
)

// GateRule says how many a gate lets in. Several may hold at once for one gate, and each of those
// that want to enter goes by one of them. Any goroutine may call it.
type GateRule struct {
	gate   *Gate
	id     string
	bounds Bounds
	ended  bool
	lifted bool
}

// Rule adds a rule that holds until it ends. It takes the place of an older one with its id when
// that ends.
func (g *Gate) Rule(id string, b Bounds) *GateRule {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := &GateRule{gate: g, id: id, bounds: b}
	g.rules = append(g.rules, r)
	return r
}

// Gate returns the gate.
func (r *GateRule) Gate() *Gate { return r.gate }

// End says that the rule holds no more. Who waits by it goes by the newest one with its id, or of
// the gate. Where there is none its bounds stay what they are for those who go by it, and with
// lifted there are none: they are let in. Nobody who is inside is put out.
func (r *GateRule) End(lifted bool) {
	g := r.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	r.ended, r.lifted = true, lifted
	g.rules = slices.DeleteFunc(g.rules, func(o *GateRule) bool { return o == r })
	for key, k := range g.keys {
		g.next(key, k)
	}
}

// now returns the bounds that hold for those who go by the rule. mu of the gate is held.
func (r *GateRule) now() Bounds {
	if !r.ended {
		return r.bounds
	}
	rules := r.gate.rules
	for _, o := range slices.Backward(rules) {
		if o.id == r.id {
			return o.bounds
		}
	}
	switch {
	case len(rules) > 0:
		return rules[len(rules)-1].bounds
	case r.lifted:
		return Bounds{Max: math.MaxInt}
	}
	return r.bounds
}
