// Package option reads the option health of rover.server: which probes are answered.
package option

import (
	"cmp"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/health"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Health is what the option says.
type Health struct {
	Probes            *health.Probes // nil: none is answered
	Interval, Timeout time.Duration  // of checks of dependencies
}

// The bounds of how often dependencies are looked at, and of how long one may take.
const (
	defaultCheckInterval = 10 * time.Second
	defaultCheckTimeout  = 2 * time.Second
	minCheckTime         = 100 * time.Millisecond
	maxCheckInterval     = time.Hour
	maxCheckTimeout      = time.Minute
)

// OfHealth are the options in the table that it may be.
var OfHealth = luaval.NewOptions("live", "ready", "details", "interval", "timeout")

// Complete adds what the script has not said.
func (h *Health) Complete() {
	h.Interval = cmp.Or(h.Interval, defaultCheckInterval)
	h.Timeout = cmp.Or(h.Timeout, defaultCheckTimeout)
}

// Read reads the option, true or {…}.
func (h *Health) Read(L *lua.LState, v lua.LValue) {
	if v == lua.LFalse {
		return
	}
	h.Probes = &health.Probes{Live: health.DefaultLive, Ready: health.DefaultReady}
	if v == lua.LTrue {
		return
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError("rover.server: health should be a boolean or table, not a %s", luaval.TypeName(v))
	}
	seconds := func(name string, v lua.LValue, most time.Duration) time.Duration {
		n, ok := v.(lua.LNumber)
		if !ok || !(float64(n) >= minCheckTime.Seconds() && float64(n) <= most.Seconds()) {
			L.RaiseError("rover.server: option health.%s: seconds from %v to %v expected, got %s", name, minCheckTime.Seconds(), most.Seconds(), luaval.Show(v))
		}
		return time.Duration(float64(n) * float64(time.Second))
	}
	OfHealth.EachOf(L, t, "rover.server: health", func(name string, v lua.LValue) {
		switch name {
		case "live":
			h.Probes.Live = probePath(L, name, v)
		case "ready":
			h.Probes.Ready = probePath(L, name, v)
		case "details":
			if v != lua.LTrue && v != lua.LFalse {
				L.RaiseError("rover.server: option health.details: a boolean expected, got %s", luaval.Show(v))
			}
			h.Probes.Details = health.Nobody
			if v == lua.LTrue {
				h.Probes.Details = health.Everybody
			}
		case "interval":
			h.Interval = seconds(name, v, maxCheckInterval)
		case "timeout":
			h.Timeout = seconds(name, v, maxCheckTimeout)
		}
	})
	if h.Probes.Live == h.Probes.Ready && h.Probes.Live != "" {
		L.RaiseError("rover.server: option health: live and ready have one path, %s: who asks it could not tell which is meant", h.Probes.Live)
	}
}

// probePath returns the path of a probe, "" where v is false.
func probePath(L *lua.LState, name string, v lua.LValue) string {
	if v == lua.LFalse {
		return ""
	}
	path, ok := v.(lua.LString)
	if !ok {
		L.RaiseError("rover.server: option health.%s: a path or false expected, got %s", name, v)
	}
	if wrong := health.CheckPath(string(path)); wrong != "" {
		L.RaiseError("rover.server: option health.%s: %q %s", name, string(path), wrong)
	}
	return string(path)
}
