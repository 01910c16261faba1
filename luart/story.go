package luart

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Story is what happened to one request, step by step, for whoever may know. Any goroutine
// may use it.
type Story struct {
	began time.Time

	mu    sync.Mutex
	steps []Step
}

// Step is one of the things that happened.
type Step struct {
	At     time.Duration // since the story began
	Took   time.Duration // 0: no time worth telling
	What   string
	Result string // "": nothing to add
}

// NewStory returns a story that begins now.
func NewStory() *Story { return &Story{began: time.Now()} }

const (
	// maxSteps of a story are kept.
	maxSteps = 100

	// maxStepBytes of each text of a step are kept.
	maxStepBytes = 512
)

// Note adds a step that happens now.
func (s *Story) Note(what, result string) {
	s.add(Step{At: time.Since(s.began), What: what, Result: result})
}

// waited adds a wait that has ended.
func (s *Story) waited(on, at string, d time.Duration) {
	s.add(Step{At: time.Since(s.began) - d, Took: d, What: "wait for " + on, Result: at})
}

func (s *Story) add(step Step) {
	step.What, step.Result = cutText(step.What, maxStepBytes), cutText(step.Result, maxStepBytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) < maxSteps {
		s.steps = append(s.steps, step)
	}
}

// Steps returns what has happened so far, and how long ago the story began.
func (s *Story) Steps() ([]Step, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Step(nil), s.steps...), time.Since(s.began)
}

// Explain has the exchange tell what it does. It may be called before Run.
func (x *Exchange) Explain(s *Story) {
	x.story = s
	m := &x.match
	switch {
	case m.handler != nil:
		s.Note("route "+m.handler.route, m.handler.where)
	case len(m.known) > 0:
		s.Note("no route for the method", "the path has "+allow(m.known))
	default:
		s.Note("no route", "")
	}
	for _, p := range m.params {
		s.Note("parameter "+p.name, fmt.Sprintf("%q", p.value))
	}
}

// told says what a function has returned.
func told(v lua.LValue, err *ScriptError) string {
	if err != nil {
		return "error: " + err.Message
	}
	if ud, ok := v.(*lua.LUserData); ok {
		if r, ok := ud.Value.(*response); ok {
			switch {
			case r.outcome == Pass:
				return "pass"
			case r.outcome == Proxy && r.proxy.pick != nil:
				return "proxy to what pick says"
			case r.outcome == Proxy:
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
