package metrics

import (
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

//go:embed metrics.lua
var stubs string

// Library is rover.metrics.
var Library = &lib.Library{
	Name:  name,
	Stubs: stubs,
	Makes: map[string]string{"counter": "counter", "gauge": "gauge", "histogram": "histogram"},
	Options: map[string]luaval.OptionsAt{
		"counter": options.At(2), "gauge": options.At(2), "histogram": histogramOptions.At(2),
	},
	NewState: newState,
	Open:     open,
}

const (
	name = "metrics"

	// prefix begins the names of metrics where they are read.
	prefix = "rover_"

	// MaxMetrics are those of a VM; MaxLabels those of a metric.
	MaxMetrics = 200
	MaxLabels  = 10

	// MaxSeries are the combinations of label values that a VM's metrics have together. Values
	// that come from requests are without end, and each combination stays.
	MaxSeries = 10_000

	// MaxLabelBytes bounds a value of a label; MaxBuckets the buckets of a histogram.
	MaxLabelBytes = 128
	MaxBuckets    = 64
)

var (
	metricNames = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	labelNames  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)
)

// ownLabels cannot be a script's: vm is added to all, le is a histogram's.
var ownLabels = []string{"vm", "le"}

// state is the metrics of a VM's scripts.
type state struct {
	vm    lib.VM
	types map[string]*lua.LTable // of what scripts have of a metric, by kind

	mu     sync.Mutex         // guards byName, which the holder alone changes
	byName map[string]*metric // without the prefix
	series int                // the holder's
	full   bool               // the holder's: the log has said so
}

// metric is one. The holder alone changes it.
type metric struct {
	name, kind string // kind: counter, gauge or histogram
	help       string
	labels     []string
	buckets    []float64
	where      string // file:line of the definition
	script     string // that has defined it last
	by         uint64 // the generation that has: its serial

	vec    prometheus.Collector
	with   func(values ...string) prometheus.Metric
	series map[string]prometheus.Metric
}

// Metric is a metric that a script has made.
type Metric struct {
	Name      string // with the prefix
	Signature string // metrics of one name but another signature cannot be collected together
	Collector prometheus.Collector
}

// In returns the metrics of a VM's scripts. Any goroutine may call it.
func In(vm interface{ LibraryState(name string) any }) []Metric {
	s, ok := vm.LibraryState(name).(*state)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Metric, 0, len(s.byName))
	for _, m := range s.byName {
		list = append(list, Metric{prefix + m.name, fmt.Sprintf("%s %q %q", m.kind, m.help, m.labels), m.vec})
	}
	slices.SortFunc(list, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// newState is the library's NewState.
func newState(vm lib.VM) any {
	s := &state{vm: vm, byName: map[string]*metric{}}
	s.types = newTypes(s)
	return s
}

// open is the library's Open.
func open(scope *lib.Scope) lua.LValue {
	s := scope.State.(*state)
	kinds := []string{"counter", "gauge", "histogram"}
	t := scope.L().CreateTable(0, len(kinds))
	for _, kind := range kinds {
		t.RawSetString(kind, scope.L().NewFunction(func(L *lua.LState) int { return s.define(L, scope, kind) }))
	}
	return t
}

// define is rover.metrics.counter(name[, {help, labels}]), gauge the same, and
// histogram, which also takes buckets, upper bounds in ascending order (default: those of
// Prometheus, 0.005 to 10, for seconds). Without help it is "A counter of a Lua script.". Defined again alike, it is the same metric. Errors:
// a name or label that is none, more than 10 labels or 200 metrics, another kind or other
// labels than the script itself has given before. A later version of the script may give
// others: the metric then begins anew.
func (s *state) define(L *lua.LState, scope *lib.Scope, kind string) int {
	m := &metric{name: luaval.CheckString(L, 1), kind: kind, where: luaval.CallerLine(L), script: scope.Script, by: scope.Serial}
	if !metricNames.MatchString(m.name) {
		luaval.ArgError(L, 1, fmt.Sprintf("a metric name of letters, digits and _ expected, got %q", m.name))
	}
	if v := L.Get(2); v != lua.LNil {
		m.readOptions(L, luaval.CheckTable(L, 2))
	}
	if m.help == "" { // an empty text would be a line of nothing
		m.help = "A " + kind + " of a Lua script."
	}
	was := s.byName[m.name]
	switch same := was != nil && was.alike(m); {
	case same:
		was.by, was.script, was.where = m.by, m.script, m.where
		m = was
	case was != nil && (was.by == m.by || was.script != m.script):
		L.RaiseError("rover.metrics.%s: %q is a %s with labels {%s} at %s, it cannot be a %s with labels {%s} here",
			kind, m.name, was.kind, strings.Join(was.labels, ", "), was.where, kind, strings.Join(m.labels, ", "))
	case was == nil && len(s.byName) >= MaxMetrics:
		L.RaiseError("rover.metrics.%s: there are %d metrics, the limit; labels tell cases apart, not names", kind, MaxMetrics)
	default:
		if was != nil {
			s.series -= len(was.series)
		}
		m.make()
		s.mu.Lock()
		s.byName[m.name] = m
		s.mu.Unlock()
	}
	L.Push(luaval.NewObject(s.types[kind], m))
	return 1
}

// The options of counters and gauges, and of histograms.
var (
	options          = luaval.NewOptions("help", "labels").Elsewhere(map[string]string{"buckets": "it is one of a histogram"})
	histogramOptions = luaval.NewOptions("help", "labels", "buckets")
)

// readOptions reads the table of a definition. It raises in L.
func (m *metric) readOptions(L *lua.LState, t *lua.LTable) {
	known := options
	if m.kind == "histogram" {
		known = histogramOptions
	}
	known.Each(L, t, 2, func(name string, v lua.LValue) {
		switch {
		case name == "help" && v.Type() == lua.LTString:
			m.help = strings.ToValidUTF8(v.String(), "\uFFFD")
		case name == "labels" && v.Type() == lua.LTTable:
			m.labels = checkLabels(L, v.(*lua.LTable))
		case name == "buckets" && v.Type() == lua.LTTable:
			m.buckets = checkBuckets(L, v.(*lua.LTable))
		default:
			luaval.ArgError(L, 2, fmt.Sprintf("%s cannot be a %s", name, luaval.TypeName(v)))
		}
	})
}

func checkLabels(L *lua.LState, t *lua.LTable) (labels []string) {
	if n := t.Len(); n > MaxLabels {
		luaval.ArgError(L, 2, fmt.Sprintf("%d labels, the limit is %d", n, MaxLabels))
	}
	for i := 1; i <= t.Len(); i++ {
		name, ok := t.RawGetInt(i).(lua.LString)
		switch {
		case !ok || !labelNames.MatchString(string(name)):
			luaval.ArgError(L, 2, fmt.Sprintf("labels: a name of letters, digits and _ expected at %d", i))
		case slices.Contains(ownLabels, string(name)):
			luaval.ArgError(L, 2, fmt.Sprintf("labels: %q is taken", string(name)))
		case slices.Contains(labels, string(name)):
			luaval.ArgError(L, 2, fmt.Sprintf("labels: %q stands twice", string(name)))
		}
		labels = append(labels, string(name))
	}
	return labels
}

func checkBuckets(L *lua.LState, t *lua.LTable) (buckets []float64) {
	if n := t.Len(); n == 0 || n > MaxBuckets {
		luaval.ArgError(L, 2, fmt.Sprintf("buckets: 1 to %d expected, got %d", MaxBuckets, n))
	}
	for i := 1; i <= t.Len(); i++ {
		n, ok := t.RawGetInt(i).(lua.LNumber)
		if !ok || math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) || len(buckets) > 0 && float64(n) <= buckets[len(buckets)-1] {
			luaval.ArgError(L, 2, fmt.Sprintf("buckets: numbers in ascending order expected, at %d", i))
		}
		buckets = append(buckets, float64(n))
	}
	return buckets
}

func (m *metric) alike(other *metric) bool {
	return m.kind == other.kind && m.help == other.help && slices.Equal(m.labels, other.labels) && slices.Equal(m.buckets, other.buckets)
}

// make makes what Prometheus collects.
func (m *metric) make() {
	m.series = map[string]prometheus.Metric{}
	opts := prometheus.Opts{Name: prefix + m.name, Help: m.help}
	switch m.kind {
	case "counter":
		vec := prometheus.NewCounterVec(prometheus.CounterOpts(opts), m.labels)
		m.vec, m.with = vec, func(values ...string) prometheus.Metric { return vec.WithLabelValues(values...) }
	case "gauge":
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts(opts), m.labels)
		m.vec, m.with = vec, func(values ...string) prometheus.Metric { return vec.WithLabelValues(values...) }
	default:
		vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: opts.Name, Help: opts.Help, Buckets: m.buckets}, m.labels)
		m.vec, m.with = vec, func(values ...string) prometheus.Metric { return vec.WithLabelValues(values...).(prometheus.Metric) }
	}
}

// one returns the series of the label values in argument n, nil when there are too many. It
// raises in L. Only the holder may call it.
func (s *state) one(L *lua.LState, m *metric, n int) prometheus.Metric {
	values := make([]string, len(m.labels))
	given := 0
	if v := L.Get(n); v != lua.LNil {
		t := luaval.CheckTable(L, n)
		for key, v := t.Next(lua.LNil); key != lua.LNil; key, v = t.Next(key) {
			i := slices.Index(m.labels, key.String())
			if i < 0 {
				luaval.ArgError(L, n, fmt.Sprintf("%s has no label %q: it has {%s}", m.name, key.String(), strings.Join(m.labels, ", ")))
			}
			values[i] = labelValue(L, n, m, i, v)
			given++
		}
	}
	if given != len(m.labels) {
		luaval.ArgError(L, n, fmt.Sprintf("%s needs a value for each of its labels {%s}", m.name, strings.Join(m.labels, ", ")))
	}
	key := strings.Join(values, "\xff") // which no UTF-8 has
	one := m.series[key]
	switch {
	case one != nil:
	case s.series >= MaxSeries:
		if !s.full {
			s.full = true
			s.vm.Logger().Error("metrics have too many combinations of label values, new ones are not counted",
				zap.String("metric", m.name), zap.String("defined_at", m.where), zap.Strings("labels", m.labels),
				zap.Strings("values", values), zap.Int("limit", MaxSeries))
		}
	default:
		one = m.with(values...)
		m.series[key] = one
		s.series++
	}
	return one
}

// labelValue returns v as a label: valid UTF-8 of at most MaxLabelBytes.
func labelValue(L *lua.LState, n int, m *metric, i int, v lua.LValue) string {
	switch v.(type) {
	case lua.LString, lua.LNumber, lua.LBool:
	default:
		luaval.ArgError(L, n, fmt.Sprintf("label %s of %s: a string, number or boolean expected, got %s", m.labels[i], m.name, luaval.TypeName(v)))
	}
	text := strings.ToValidUTF8(v.String(), "\uFFFD")
	if len(text) <= MaxLabelBytes {
		return text
	}
	end := MaxLabelBytes
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
