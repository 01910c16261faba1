package luart

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// newMetricTypes makes what scripts have of metrics, by kind.
func newMetricTypes(vm *VM) map[string]*lua.LTable {
	L := vm.main
	return map[string]*lua.LTable{
		"counter":   luaval.NewType(L, "counter", map[string]lua.LGFunction{"inc": vm.incCounter}, nil),
		"gauge":     luaval.NewType(L, "gauge", map[string]lua.LGFunction{"set": vm.setGauge, "inc": vm.incGauge, "dec": vm.decGauge}, nil),
		"histogram": luaval.NewType(L, "histogram", map[string]lua.LGFunction{"observe": vm.observe}, nil),
	}
}

// checkMetric returns argument 1.
func checkMetric(L *lua.LState, kind string) *metric {
	if ud, ok := L.Get(1).(*lua.LUserData); ok {
		if m, ok := ud.Value.(*metric); ok && m.kind == kind {
			return m
		}
	}
	L.ArgError(1, kind+" expected: call the method with a colon")
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
		L.ArgError(at, "a finite number expected, got "+n.String())
	}
	return float64(n)
}

// incCounter is counter:inc([n][, labels]): n, 1 by default, is not negative.
func (vm *VM) incCounter(L *lua.LState) int {
	m := checkMetric(L, "counter")
	by, labels := checkSteps(L)
	if by < 0 {
		L.ArgError(2, "a counter cannot go down; a gauge can")
	}
	if s := vm.one(L, m, labels); s != nil {
		s.(prometheus.Counter).Add(by)
	}
	return 0
}

// setGauge is gauge:set(n[, labels]).
func (vm *VM) setGauge(L *lua.LState) int {
	m := checkMetric(L, "gauge")
	to := checkFinite(L, 2, L.CheckNumber(2))
	if s := vm.one(L, m, 3); s != nil {
		s.(prometheus.Gauge).Set(to)
	}
	return 0
}

// incGauge is gauge:inc([n][, labels]).
func (vm *VM) incGauge(L *lua.LState) int { return vm.moveGauge(L, 1) }

// decGauge is gauge:dec([n][, labels]).
func (vm *VM) decGauge(L *lua.LState) int { return vm.moveGauge(L, -1) }

func (vm *VM) moveGauge(L *lua.LState, sign float64) int {
	m := checkMetric(L, "gauge")
	by, labels := checkSteps(L)
	if s := vm.one(L, m, labels); s != nil {
		s.(prometheus.Gauge).Add(sign * by)
	}
	return 0
}

// observe is histogram:observe(n[, labels]).
func (vm *VM) observe(L *lua.LState) int {
	m := checkMetric(L, "histogram")
	n := checkFinite(L, 2, L.CheckNumber(2))
	if s := vm.one(L, m, 3); s != nil {
		s.(prometheus.Observer).Observe(n)
	}
	return 0
}
