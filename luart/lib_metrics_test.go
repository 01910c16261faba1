package luart

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-rover/rover/luart/lib/metrics"
)

// collected returns the series of the VM's metrics, "rover_x{a=1} 2", sorted.
func collected(t *testing.T, vm *VM) (lines []string) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	for _, m := range metrics.In(vm) {
		if err := r.Register(m.Collector); err != nil {
			t.Fatal(err)
		}
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			if f.GetType() == dto.MetricType_HISTOGRAM {
				value = m.GetHistogram().GetSampleSum()
			}
			lines = append(lines, fmt.Sprintf("%s{%s} %v", f.GetName(), strings.Join(labels, ","), value))
		}
	}
	slices.Sort(lines)
	return lines
}

// A metric without help says of which kind it is: an empty line would say nothing.
func TestMetricsHaveHelp(t *testing.T) {
	s := newServer(t, `
		rover.metrics.counter("a")
		rover.metrics.gauge("b", { help = "" }):set(1)
		rover.metrics.gauge("b", {}):set(1)
		rover.metrics.histogram("c", { help = "Seconds." })
		return rover.server {}`)
	var got []string
	for _, m := range metrics.In(s.vm) {
		descriptions := make(chan *prometheus.Desc, 1)
		m.Collector.Describe(descriptions)
		got = append(got, (<-descriptions).String())
	}
	for i, want := range []string{`help: "A counter of a Lua script."`, `help: "A gauge of a Lua script."`, `help: "Seconds."`} {
		if len(got) != 3 || !strings.Contains(got[i], want) {
			t.Errorf("got %q, want %s", got, want)
		}
	}
}

// A metric goes on in the next version of the script, unless that defines it otherwise.
func TestMetricsOutliveGenerations(t *testing.T) {
	source := func(labels, arg string) string {
		return `local api = rover.server {}
			local c = rover.metrics.counter("c", { labels = {` + labels + `} })
			rover.metrics.gauge("idle")
			function api.get() c:inc(` + arg + `) end
			return api`
	}
	s := newServer(t, source(`"a"`, `{ a = "x" }`))
	reload := func(labels, arg string) {
		t.Helper()
		if err := s.vm.loadNext(s, source(labels, arg)); err != nil {
			t.Fatal(err)
		}
		s.do("GET /", "")
	}
	s.do("GET /", "")
	reload(`"a"`, `{ a = "x" }`)
	if got, want := collected(t, s.vm), []string{"rover_c{a=x} 2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	reload(`"b"`, `{ b = "y" }`)
	if got, want := collected(t, s.vm), []string{"rover_c{b=y} 1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// loadNext replaces the server's generation as a reload does: the next is there before the
// last one retires.
func (vm *VM) loadNext(s *server, source string) error {
	was := s.gen
	defer was.Retire()
	return s.load(source)
}

// Label values that come from requests cannot fill the memory; what is not counted for it is
// said once.
func TestMetricSeriesAreLimited(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local c = rover.metrics.counter("c", { labels = { "id" } })
		function api.get()
			for i = 1, 10001 do c:inc { id = i } end
			for i = 1, 2 do c:inc { id = "one more" .. i } end
			c:inc { id = 1 }
			return "ok"
		end
		function api.many.get() for i = 1, 201 do rover.metrics.gauge("g" .. i) end end
		function api.bytes.get()
			rover.metrics.gauge("bytes", { labels = { "l" } }):set(1, { l = "\255" .. string.rep("é", 100) })
		end
		return api`, withBurst(10*time.Minute))
	s.vm.logger = s.gen.logger
	s.do("GET /bytes", "")
	if got, want := collected(t, s.vm), "rover_bytes{l=\uFFFD"+strings.Repeat("é", 62)+"} 1"; len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.expectOnce("GET /", "200 ok")
	lines := collected(t, s.vm)
	if len(lines) != metrics.MaxSeries || !slices.Contains(lines, "rover_c{id=1} 2") {
		t.Errorf("%d series", len(lines))
	}
	if n := len(s.logged("metrics have too many combinations of label values, new ones are not counted")); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
	s.do("GET /many", "")
	if got := s.logged("script error"); len(got) != 1 || !strings.Contains(fmt.Sprint(got[0].ContextMap()["error"]), "there are 200 metrics, the limit; labels tell cases apart, not names") {
		t.Errorf("%v", got)
	}
}
