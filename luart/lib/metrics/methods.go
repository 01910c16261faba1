package metrics

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// newTypes makes what scripts have of metrics, by kind.
func newTypes(s *state) map[string]*lua.LTable {
	L := s.vm.L()
	return map[string]*lua.LTable{
		"counter":   luaval.NewType(L, "counter", map[string]lua.LGFunction{"inc": s.incCounter}, nil),
		"gauge":     luaval.NewType(L, "gauge", map[string]lua.LGFunction{"set": s.setGauge, "inc": s.incGauge, "dec": s.decGauge}, nil),
		"histogram": luaval.NewType(L, "histogram", map[string]lua.LGFunction{"observe": s.observe}, nil),
	}
}

// checkMetric returns argument 1.
func checkMetric(L *lua.LState, kind string) *metric {
	if ud, ok := L.Get(1).(*lua.LUserData); ok {
		if m, ok := ud.Value.(*metric); ok && m.kind == kind {
			return m
		}
	}
	luaval.ArgError(L, 1, kind+" expected: call the method with a colon")
	return nil
}

// checkSteps reads ([n][, labels]) after the metric: by how much, 1 if it is not said, and
// the place of the labels.
func checkSteps(L *lua.LState) (by float64, labels int) {
	if n, ok := L.Get(2).(lua.LNumber); ok {
		return checkFinite(L, 2, n), 3
	}
	return 1, 2
}

func checkFinite(L *lua.LState, at int, n lua.LNumber) float64 {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		luaval.ArgError(L, at, "a finite number expected, got "+n.String())
	}
	return float64(n)
}

// incCounter is counter:inc([n][, labels]): n, 1 by default, is not negative.
func (s *state) incCounter(L *lua.LState) int {
	m := checkMetric(L, "counter")
	by, labels := checkSteps(L)
	if by < 0 {
		luaval.ArgError(L, 2, "a counter cannot go down; a gauge can")
	}
	if one := s.one(L, m, labels); one != nil {
		one.(prometheus.Counter).Add(by)
	}
	return 0
}

// setGauge is gauge:set(n[, labels]).
func (s *state) setGauge(L *lua.LState) int {
	m := checkMetric(L, "gauge")
	to := checkFinite(L, 2, lua.LNumber(luaval.CheckNumber(L, 2)))
	if one := s.one(L, m, 3); one != nil {
		one.(prometheus.Gauge).Set(to)
	}
	return 0
}

// incGauge is gauge:inc([n][, labels]).
func (s *state) incGauge(L *lua.LState) int { return s.moveGauge(L, 1) }

// decGauge is gauge:dec([n][, labels]).
func (s *state) decGauge(L *lua.LState) int { return s.moveGauge(L, -1) }

func (s *state) moveGauge(L *lua.LState, sign float64) int {
	m := checkMetric(L, "gauge")
	by, labels := checkSteps(L)
	if one := s.one(L, m, labels); one != nil {
		one.(prometheus.Gauge).Add(sign * by)
	}
	return 0
}

// observe is histogram:observe(n[, labels]).
func (s *state) observe(L *lua.LState) int {
	m := checkMetric(L, "histogram")
	n := checkFinite(L, 2, lua.LNumber(luaval.CheckNumber(L, 2)))
	if one := s.one(L, m, 3); one != nil {
		one.(prometheus.Observer).Observe(n)
	}
	return 0
}
