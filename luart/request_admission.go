package luart

import (
	"net/http"
	"slices"
	"time"
)

// rule is what a script asks of the requests to a place and below, api.login.limit{…}. It is
// asked in Go, before any Lua runs, also where the script has no route.
type rule interface {
	stage() stage

	// admit lets a request through, or says why not: the error is a Refusal. headers are those of
	// the response. It may wait. The goroutine of the request calls it, without the VM.
	admit(x *Exchange, headers http.Header) error

	// before returns it as a before hook, for requests that one has rewritten to the place.
	before() *handler
}

// stage orders the rules that cover a request. Of one stage the outer ones are asked first.
type stage int

const (
	stageLimit      stage = iota // limits that need no token: a flood of bad ones is limited, too
	stageAuth                    // who is it?
	stageClaimLimit              // limits whose key is a claim of the token
	stageExpect                  // is what the request brings as the script expects it?
	stageEnd                     // what follows are places, see takePlaces
)

// Refusal is the error of a rule that does not let a request through.
type Refusal interface {
	error
	// Answer is what the client gets where no routes for errors (handle_errors) answer: headers
	// in their canonical form, and a body of JSON.
	Answer() (status int, header http.Header, body []byte)
}

// HasRules reports whether there are rules for Admit to ask.
func (x *Exchange) HasRules() bool { return len(x.match.Rules) > 0 }

// Admit asks the rules that cover the request, before Run. They may wait. The error is a Refusal, or
// that of the request's context. headers are those of the response. places are what the request has
// been given before, by scripts that it has come through. It returns them with those that it gets
// now, which must be left when the response has ended. asked is what rules have said to the request
// before it failed, and is told what they say now; nil if it cannot come again. The goroutine of the
// request calls it.
func (x *Exchange) Admit(headers http.Header, places *Places, asked *Asked) (*Places, error) {
	x.verdicts = asked
	preflight := x.isPreflight() // browsers send no token with it; it takes nothing but a call of Lua
	if !x.HasRules() || preflight && !x.asksOrigin() {
		return places, nil
	}
	for s := range stageEnd {
		if preflight && s != stageLimit {
			continue
		}
		for _, h := range x.match.Rules {
			if h.rule == nil || h.rule.stage() != s {
				continue
			}
			err, known := x.askedBefore(h)
			if !known || s == stageAuth && err == nil { // who it is must be known here, too
				err = h.rule.admit(x, headers)
				asked.note(h, x.r, err)
			}
			if err != nil {
				x.refused(err)
				return places, err
			}
		}
	}
	if preflight {
		return places, nil
	}
	return x.takePlaces(places)
}

// rewrittenRules returns what is asked, as before hooks, of a request that has been rewritten: of the
// rules of its match those from the given ones on, in the order of Admit. What counts by one name
// counts the request once. Only the holder may call it.
func (x *Exchange) rewrittenRules(rules, here int) (hooks []*handler) {
	m := &x.match
	for s := range stageEnd {
		if s == stageLimit { // the new path may have other limits of the server
			for _, h := range m.Rules[:rules] {
				if scoped, ok := h.rule.(*scopedLimits); ok {
					hooks = append(hooks, scoped.asHook)
				}
			}
		}
		list := m.Rules[rules:]
		if s == stageExpect {
			list = m.Here[here:]
		}
		for _, h := range list {
			if _, known := x.askedBefore(h); known && s != stageAuth {
				continue
			}
			if h.rule != nil && h.rule.stage() == s && !slices.ContainsFunc(m.Rules[:rules], h.countsAs) {
				hooks = append(hooks, h.rule.before())
			}
		}
	}
	return hooks
}

// countsAs reports whether two rules are limits that count together.
func (h *handler) countsAs(other *handler) bool {
	a, ok := h.rule.(*limitRule)
	b, too := other.rule.(*limitRule)
	return ok && too && a.name == b.name
}

// refused remembers that a rule did not let the request through.
func (x *Exchange) refused(err error) {
	x.record.setRefused(ClientLeft(x.r, err))
	x.record.atRun = x.summary()
}

// traceBegan is when a rule begins, for traceRule.
func (x *Exchange) traceBegan() (began time.Time) {
	if x.trace != nil {
		began = time.Now()
	}
	return began
}

// traceRule says what a rule has decided, if somebody has asked for it.
func (x *Exchange) traceRule(kind, name, where string, began time.Time, result string) {
	if x.trace != nil {
		x.trace.Ended(kind+" "+name+" ("+where+")", result, time.Since(began))
	}
}
