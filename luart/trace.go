package luart

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// Trace is what happened to one request, step by step, for whoever may know. Any goroutine
// may use it.
type Trace struct {
	began time.Time

	mu    sync.Mutex
	steps []Step
}

// Step is one of the things that happened.
type Step struct {
	At     time.Duration // since the trace began
	Took   time.Duration // 0: no time worth telling
	What   string
	Result string // "": nothing to add
}

// NewTrace returns a Trace that begins now.
func NewTrace() *Trace { return &Trace{began: time.Now()} }

const (
	// maxSteps of a trace are kept.
	maxSteps = 100

	// maxStepBytes of each text of a step are kept.
	maxStepBytes = 512
)

// Record adds a step that happens now.
func (t *Trace) Record(what, result string) {
	t.add(Step{At: time.Since(t.began), What: what, Result: result})
}

// waited adds a wait that has ended.
func (t *Trace) waited(on, at string, d time.Duration) {
	t.add(Step{At: time.Since(t.began) - d, Took: d, What: "wait for " + on, Result: at})
}

func (t *Trace) add(step Step) {
	step.What, step.Result = loglimit.Cut(step.What, maxStepBytes), loglimit.Cut(step.Result, maxStepBytes)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.steps) < maxSteps {
		t.steps = append(t.steps, step)
	}
}

// Steps returns what has happened so far, and how long ago the trace began.
func (t *Trace) Steps() ([]Step, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Step(nil), t.steps...), time.Since(t.began)
}

// Explain has the exchange tell what it does. It may be called before Run.
func (x *Exchange) Explain(t *Trace) {
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
	for _, p := range m.Params {
		t.Record("parameter "+p.Name, fmt.Sprintf("%q", p.Value))
	}
}

// describeResult says what a function has returned.
// describe says what a function returned.
func (v returned) describe(err *ScriptError) string {
	text := describeResult(v.value, err)
	if err == nil && v.status != lua.LNil {
		text += ", " + v.status.String()
	}
	return text
}

func describeResult(v lua.LValue, err *ScriptError) string {
	if err != nil {
		return "error: " + err.Message
	}
	if ud, ok := v.(*lua.LUserData); ok {
		if r, ok := ud.Value.(*response); ok {
			switch {
			case r.decision == Pass:
				return "pass"
			case r.decision == Proxy && r.proxy.pick != nil:
				return "proxy to what pick says"
			case r.decision == Proxy:
				return fmt.Sprint("proxy to ", r.proxy.Upstreams)
			default:
				return fmt.Sprintf("answer %d %s", r.status, http.StatusText(r.status))
			}
		}
	}
	if v == lua.LNil {
		return "nil"
	}
	return "a " + luaval.TypeName(v)
}
