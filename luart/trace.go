package luart

import (
	"fmt"
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/trace"
)

// Explain has the exchange tell what it does. It may be called before Run.
func (x *Exchange) Explain(t *trace.Trace) {
	x.trace = t
	m := &x.match
	switch {
	case m.Handler != nil:
		t.Record("route "+m.Handler.route, m.Handler.where)
	case len(m.Known) > 0:
		t.Record("no route for the method", "the path has "+route.Allow(m.Known))
	default:
		t.Record("no route", "")
	}
	if c := x.cors; c != nil {
		allowed := "the origin is not allowed"
		switch {
		case c.allowed != "":
			allowed = "it allows " + c.allowed
		case c.origin != "":
			allowed = "a function is asked"
		}
		what := "cors "
		if c.preflight {
			what = "preflight, cors "
		}
		t.Record(what+c.rule.name+" ("+c.rule.where+")", c.policy.String()+": "+allowed)
	}
	for _, p := range m.Params {
		t.Record("parameter "+p.Name, fmt.Sprintf("%q", p.Value))
	}
}

// describeReturned says what a function returned.
func describeReturned(v response.Returned, err *ScriptError) string {
	text := describeResult(v.Value, err)
	if err == nil && v.Status != lua.LNil {
		text += ", " + v.Status.String()
	}
	return text
}

// describeResult says what the value is.
func describeResult(v lua.LValue, err *ScriptError) string {
	if err != nil {
		return "error: " + err.Whole()
	}
	if ud, ok := v.(*lua.LUserData); ok {
		if r, ok := ud.Value.(*reply); ok {
			switch {
			case r.Decision == Pass:
				return "pass"
			case r.Decision == Proxy && r.Proxy.PickFunction != nil:
				return "proxy to what pick says"
			case r.Decision == Proxy:
				return fmt.Sprint("proxy to ", r.Proxy.Upstreams)
			default:
				return fmt.Sprintf("answer %d %s", r.Status, http.StatusText(r.Status))
			}
		}
	}
	if v == lua.LNil {
		return "nil"
	}
	return "a " + luaval.TypeName(v)
}
