package luart

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/limit"
)

// CrowdedError says that as many requests as a rule of the script allows are under way.
type CrowdedError struct {
	Rule  string
	Retry time.Duration // when there may be a place: a guess
}

func (e *CrowdedError) Error() string { return "concurrency " + e.Rule + ": too many requests at once" }

// Places are what a request has been given by the rules of concurrency that cover it, and by
// those of scripts that it has come through before. nil are none. They do not change: the places
// of one request may be known to several goroutines.
type Places struct {
	place *limit.Place
	outer *Places
}

// Answer implements Refusal.
func (e *CrowdedError) Answer() (status int, header http.Header, body []byte) {
	return http.StatusServiceUnavailable, retryAfter(e.Retry), []byte(`{"error":"Too many requests at once"}`)
}

// has reports whether there is a place of that gate and key. The request must not wait for itself.
func (p *Places) has(g *limit.Gate, key string) bool {
	for ; p != nil; p = p.outer {
		if p.place.Is(g, key) {
			return true
		}
	}
	return false
}

// Leave gives back the places that have been taken since outer.
func (p *Places) Leave(outer *Places) {
	for ; p != outer; p = p.outer {
		p.place.Leave()
	}
}

// takePlaces takes what the rules of concurrency that cover the request want, beside what it has
// already, and returns all. It may wait. The error is a *CrowdedError, or that of the request's
// context; nothing has been taken then.
func (x *Exchange) takePlaces(outer *Places) (*Places, error) {
	type want struct {
		h    *handler
		rule *concurrencyRule
		key  string
	}
	var buf [4]want
	wants := buf[:0]
	for _, h := range x.match.Rules {
		if h.concurrency != nil {
			if err, known := x.askedBefore(h); err != nil {
				x.refused(err)
				return outer, err
			} else if known {
				continue
			}
			key, err := h.concurrency.key.of(x)
			if err != nil {
				x.traceEnter(h.concurrency, time.Now(), err)
				x.verdicts.note(h, x.r, err)
				x.refused(err)
				return outer, err
			}
			wants = append(wants, want{h, h.concurrency, key})
		}
	}
	if len(wants) > 1 { // in one order for all requests, so that none wait for each other
		slices.SortStableFunc(wants, func(a, b want) int {
			return cmp.Or(cmp.Compare(a.rule.name, b.rule.name), cmp.Compare(a.key, b.key))
		})
	}
	all := outer
	for _, w := range wants {
		if all.has(w.rule.at.Gate(), w.key) {
			continue
		}
		began := x.traceBegan()
		place, err := w.rule.at.Enter(x.r.Context(), w.key)
		if x.trace != nil {
			x.traceEnter(w.rule, began, err)
		}
		if err != nil {
			all.Leave(outer)
			var full *limit.FullError
			if errors.As(err, &full) {
				err = &CrowdedError{Rule: w.rule.name, Retry: full.Retry}
			}
			x.verdicts.note(w.h, x.r, err)
			x.refused(err)
			return outer, err
		}
		x.verdicts.note(w.h, x.r, nil)
		all = &Places{place, all}
	}
	return all, nil
}

func (x *Exchange) traceEnter(rule *concurrencyRule, began time.Time, err error) {
	result := "let in"
	if err != nil {
		result = err.Error()
	}
	x.traceRule("concurrency", rule.name, rule.where, began, result)
}

// gates are those of a VM, by the names of the rules: versions of a script count together.
type gates struct {
	mu     sync.Mutex
	byName map[string]*limit.Gate
}

func (g *gates) of(vm *VM, name string) *limit.Gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byName == nil {
		g.byName = map[string]*limit.Gate{}
	}
	if g.byName[name] == nil {
		g.byName[name] = limit.NewGate(vm.clock, vm.stopping.Done())
	}
	return g.byName[name]
}

// Concurrency returns what is under way, by the names of the rules of the VM's scripts. Any
// goroutine may call it.
func (vm *VM) Concurrency() map[string]*limit.Gate {
	vm.gates.mu.Lock()
	defer vm.gates.mu.Unlock()
	return maps.Clone(vm.gates.byName)
}
