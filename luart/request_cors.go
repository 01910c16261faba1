package luart

import (
	"net/http"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cors"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/route"
)

// crossOrigin is what the rules of a request's path say of the page that makes it. It may outlive
// the exchange.
type crossOrigin struct {
	policy    *cors.Policy
	allowed   string     // what the answer says; "": nothing
	asks      []*handler // functions that must allow the origin before it is
	origin    string     // that they are asked about
	rule      *handler   // the first that holds
	preflight bool       // the browser asks whether the request may be made at all
}

// findCORS says which rules hold for a request; nil: none. A path may be read in several ways: each
// reading has the rules that are nearest to it, and an origin must be allowed by all of them. So a
// page gets no answer of a place by writing its path as one of another place.
func findCORS(r *http.Request, rules []*handler) *crossOrigin {
	rules = corsRules(rules)
	if len(rules) == 0 {
		return nil
	}
	var hold []*handler
	if len(rules) == 1 && len(rules[0].cors.at) == 0 {
		hold = rules // at the root is every reading
	} else {
		readings, ok := route.ReadingsOf(r)
		if !ok {
			return nil
		}
		for _, reading := range readings {
			nearest := nearestCORS(reading, rules)
			if len(nearest) == 0 {
				return nil // no rule holds there
			}
			for _, h := range nearest {
				if !slices.Contains(hold, h) {
					hold = append(hold, h)
				}
			}
		}
	}
	c := &crossOrigin{policy: hold[0].cors.policy, rule: hold[0]}
	for _, h := range hold {
		if h != hold[0] {
			c.policy = cors.And(c.policy, h.cors.policy)
		}
		if h.cors.ask != nil {
			c.asks = append(c.asks, h.cors.ask)
		}
	}
	if c.policy == nil {
		return nil // it is off
	}
	switch origin := c.policy.Allow(r.Header); {
	case len(c.asks) == 0:
		c.allowed = origin
	case origin == "":
		c.asks = nil // there is nobody to be asked about
	default:
		c.origin = origin
	}
	return c
}

func corsRules(rules []*handler) (list []*handler) {
	for _, h := range rules {
		if h.cors != nil {
			list = append(list, h)
		}
	}
	return list
}

// nearestCORS returns the rules whose places a reading of a path lies at, without those that are
// above another one.
func nearestCORS(reading route.Reading, rules []*handler) (nearest []*handler) {
	for _, h := range rules {
		if reading.IsAt(h.cors.at) {
			nearest = slices.DeleteFunc(nearest, func(other *handler) bool { return other.cors.isAbove(h.cors) })
			nearest = append(nearest, h)
		}
	}
	return nearest
}

// findPreflight finds the rules for a request that asks whether another one may be made: those of
// the other one. It is answered here where there are any, whatever the path has beside them.
func (g *Generation) findPreflight(r *http.Request, m *routeMatch) *crossOrigin {
	if !g.hasCORS {
		return nil
	}
	method, ok := cors.IsPreflight(r)
	if !ok {
		return nil
	}
	announced := *r
	announced.Method = method
	g.tree.Find(&announced, m)
	if c := findCORS(r, m.Rules); c != nil && !m.Unclear {
		c.preflight = true
		var none *handler
		m.Handler, m.Mount = none, none // no function of the path runs, and no file is sent
		m.Known, m.Before, m.After, m.Done = m.Known[:0], m.Before[:0], m.After[:0], m.Done[:0]
		return c
	}
	m.Reset()
	return nil
}

// set says it in the head of the response.
func (c *crossOrigin) set(h http.Header) {
	switch {
	case c == nil:
	case c.preflight:
		c.policy.SetPreflight(h, c.allowed)
	default:
		c.policy.Set(h, c.allowed)
	}
}

// isPreflight reports whether the request is answered without asking anybody but rules of cors.
func (x *Exchange) isPreflight() bool { return x.cors != nil && x.cors.preflight }

// asksOrigin reports whether a function of the script has to allow the origin.
func (x *Exchange) asksOrigin() bool { return x.cors != nil && len(x.cors.asks) > 0 }

// answerPreflight is the answer to a preflight, whatever the rules allow: its head says that.
func (x *Exchange) answerPreflight() {
	x.outcome.decision = Answer
	x.outcome.reply = reply{Response: response.Response{Status: http.StatusNoContent, ByDefault: true}}
	x.outcome.inheritStatus(x.answersFor)
}

// askOrigin asks the functions of rules, and returns false where one has failed: that is the answer
// then, and no origin is allowed. Only the holder may call it.
func (x *Exchange) askOrigin() bool {
	c := x.cors
	for _, h := range c.asks {
		allowed, err := x.askFunction(h, c.origin)
		if x.trace != nil {
			x.trace.Record(h.route+" ("+h.where+") about "+c.origin, describeAllowed(allowed, err))
		}
		if err != nil {
			x.setErrorReply(err, h)
			return false
		}
		if !allowed {
			return true
		}
	}
	c.allowed = c.origin
	return true
}

func (x *Exchange) askFunction(h *handler, origin string) (allowed bool, err *ScriptError) {
	x.running = h
	x.asked = &question{what: "function of cors"} // it only reads
	defer func() { x.asked = nil }()
	args := []lua.LValue{lua.LString(origin)}
	if !h.noCtx {
		args = append(args, x.ctxValue())
	}
	v, err := x.gen.vm.call1(&x.call, h.fn, args...)
	switch {
	case err != nil:
		return false, err
	case v == lua.LTrue:
		return true, nil
	case v == lua.LFalse, v == lua.LNil:
		return false, nil
	}
	return false, &ScriptError{
		Status:  http.StatusInternalServerError,
		Message: h.where + ": " + h.route + " returned a " + describeResult(v, nil) + ": true or false expected",
	}
}

func describeAllowed(allowed bool, err *ScriptError) string {
	switch {
	case err != nil:
		return "error: " + err.Whole()
	case allowed:
		return "allowed"
	}
	return "not allowed"
}
