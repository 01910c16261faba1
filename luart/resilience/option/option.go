// Package option reads the options retry and breaker, which functions have in common that send
// requests.
package option

import (
	"fmt"
	"math"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/resilience"
)

// The options in the tables that retry and breaker may be.
var (
	ofRetry = luaval.NewOptions("attempts", "backoff", "max_backoff", "jitter", "try_timeout", "on", "methods", "budget").
		Elsewhere(map[string]string{"retries": "it is attempts, with the first", "tries": "it is attempts", "timeout": "it is try_timeout, or timeout beside retry"})
	ofBreaker = luaval.NewOptions("failures", "ratio", "min", "window", "open", "half_open", "on", "name")
)

// Among returns the options of a function with retry and breaker among them.
func Among(o *luaval.Options) *luaval.Options {
	return o.Within("retry", ofRetry).Within("breaker", ofBreaker)
}

// reader reads one of the options; fail raises.
type reader struct {
	L    *lua.LState
	of   string // "retry"
	fail func(why string)
}

// Retry reads v, the option retry: how many attempts, a table, or false for none, which is nil.
// fail raises an error about it.
func Retry(L *lua.LState, v lua.LValue, fail func(why string)) *resilience.Policy {
	r := &reader{L, "retry", fail}
	p := resilience.DefaultPolicy()
	switch v := v.(type) {
	case lua.LBool:
		if !bool(v) {
			return nil
		}
	case lua.LNumber:
		p.Attempts = r.whole("", v, 1, resilience.MaxAttempts)
	case *lua.LTable:
		r.policy(&p, v)
	default:
		fail("option retry: a number of attempts, a table or a boolean expected, got " + luaval.TypeName(v))
	}
	return &p
}

func (r *reader) policy(p *resilience.Policy, t *lua.LTable) {
	capped := false
	r.each(ofRetry, t, func(name string, v lua.LValue) {
		switch name {
		case "attempts":
			p.Attempts = r.whole(name, v, 1, resilience.MaxAttempts)
		case "backoff":
			p.Backoff = r.seconds(name, v, 0, resilience.MaxBackoff)
		case "max_backoff":
			p.MaxBackoff, capped = r.seconds(name, v, 0, resilience.MaxBackoff), true
		case "try_timeout":
			p.TryTimeout = r.seconds(name, v, time.Millisecond, 24*time.Hour)
		case "jitter":
			p.Jitter = r.number(name, v, 0, 1)
		case "budget":
			p.Budget = r.number(name, v, 0, 1)
		case "on":
			p.On = r.on(v)
		case "methods":
			p.Methods = r.methods(v)
		}
	})
	switch {
	case !capped:
		p.MaxBackoff = max(p.MaxBackoff, p.Backoff)
	case p.MaxBackoff < p.Backoff:
		r.fail("option retry: max_backoff is shorter than backoff")
	}
}

// Breaker reads v, the option breaker: a table, true for what is usual, or false for none, which is
// nil. fail raises an error about it.
func Breaker(L *lua.LState, v lua.LValue, fail func(why string)) *resilience.Settings {
	r := &reader{L, "breaker", fail}
	s := resilience.DefaultSettings()
	switch v := v.(type) {
	case lua.LBool:
		if !bool(v) {
			return nil
		}
	case *lua.LTable:
		r.settings(&s, v)
	default:
		fail("option breaker: a table or a boolean expected, got " + luaval.TypeName(v))
	}
	return &s
}

func (r *reader) settings(s *resilience.Settings, t *lua.LTable) {
	counts, min := false, false
	r.each(ofBreaker, t, func(name string, v lua.LValue) {
		switch name {
		case "failures":
			s.Failures, counts = r.whole(name, v, 1, resilience.MaxFailures), true
		case "ratio":
			s.Ratio = r.number(name, v, 0.01, 1)
		case "min":
			s.Min, min = r.whole(name, v, 1, 1e6), true
		case "window":
			s.Window = r.seconds(name, v, resilience.MinOpen, resilience.MaxWindow)
		case "open":
			s.Open = r.seconds(name, v, resilience.MinOpen, resilience.MaxWindow)
		case "half_open":
			s.HalfOpen = r.whole(name, v, 1, resilience.MaxHalfOpen)
		case "on":
			s.On = r.on(v)
		case "name":
			name, ok := v.(lua.LString)
			if !ok || name == "" || len(name) > 64 || strings.ContainsFunc(string(name), func(c rune) bool { return c <= ' ' || c > '~' }) {
				r.wrong("name", "1 to 64 printable ASCII characters without spaces", v)
			}
			s.Name = string(name)
		}
	})
	if s.Ratio > 0 && !counts {
		s.Failures = 0
	}
	if min && s.Ratio == 0 {
		r.fail("option breaker: min is how many requests ratio needs, which is missing")
	}
}

func (r *reader) each(known *luaval.Options, t *lua.LTable, read func(name string, v lua.LValue)) {
	var p luaval.Pace
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		p.Step(r.L)
		name, ok := k.(lua.LString)
		if !ok {
			r.fail("option " + r.of + ": options by name expected, got a " + luaval.TypeName(k) + " as a name")
		}
		if why := known.Unknown(string(name)); why != "" {
			r.fail("option " + r.of + ": " + why)
		}
		read(string(name), v)
	}
}

// wrong raises for an option, "" for retry or breaker themselves.
func (r *reader) wrong(name, want string, v lua.LValue) {
	if name != "" {
		name = "." + name
	}
	got := luaval.TypeName(v)
	if v.Type() == lua.LTNumber || v.Type() == lua.LTString {
		got = v.String()
	}
	r.fail(fmt.Sprintf("option %s%s: %s expected, got %s", r.of, name, want, got))
}

func (r *reader) number(name string, v lua.LValue, low, high float64) float64 {
	n, ok := v.(lua.LNumber)
	if !ok || !(float64(n) >= low && float64(n) <= high) {
		r.wrong(name, fmt.Sprintf("a number from %v to %v", low, high), v)
	}
	return float64(n)
}

func (r *reader) whole(name string, v lua.LValue, low, high int) int {
	n, ok := v.(lua.LNumber)
	if !ok || !(float64(n) >= float64(low) && float64(n) <= float64(high)) || math.Trunc(float64(n)) != float64(n) {
		r.wrong(name, fmt.Sprintf("a whole number from %d to %d", low, high), v)
	}
	return int(n)
}

func (r *reader) seconds(name string, v lua.LValue, low, high time.Duration) time.Duration {
	n, ok := v.(lua.LNumber)
	if !ok || !(float64(n) >= low.Seconds() && float64(n) <= high.Seconds()) {
		r.wrong(name, fmt.Sprintf("seconds from %v to %v", low.Seconds(), high.Seconds()), v)
	}
	return time.Duration(float64(n) * float64(time.Second))
}

// on reads a list of failures.
func (r *reader) on(v lua.LValue) resilience.On {
	var on resilience.On
	r.list("on", v, func(v lua.LValue) {
		var err error
		switch v := v.(type) {
		case lua.LNumber:
			status := int(v)
			if lua.LNumber(status) != v {
				status = 0
			}
			err = on.AddStatus(status)
		case lua.LString:
			err = on.AddKind(string(v))
		default:
			r.wrong("on", "names of failures and statuses", v)
		}
		if err != nil {
			r.fail("option " + r.of + ".on: " + err.Error())
		}
	})
	return on
}

func (r *reader) methods(v lua.LValue) (methods []string) {
	r.list("methods", v, func(v lua.LValue) {
		m, ok := v.(lua.LString)
		if !ok || !httpguts.ValidHeaderFieldName(string(m)) {
			r.wrong("methods", "names of methods", v)
		}
		methods = append(methods, strings.ToUpper(string(m)))
	})
	return methods
}

// maxList bounds the lists.
const maxList = 64

func (r *reader) list(name string, v lua.LValue, add func(v lua.LValue)) {
	t, ok := v.(*lua.LTable)
	if !ok {
		r.wrong(name, "a list", v)
	}
	n := t.Len()
	if n == 0 || n > maxList {
		r.fail(fmt.Sprintf("option %s.%s: a list of 1 to %d expected, got one of %d", r.of, name, maxList, n))
	}
	for i := 1; i <= n; i++ {
		add(t.RawGetInt(i))
	}
}
