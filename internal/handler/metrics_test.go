package handler

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
)

// gather returns the metrics of an app by name. What is inconsistent is an error.
func gather(t *testing.T, app *App) map[string]*dto.MetricFamily {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := errors.Join(r.Register(app), r.Register(scriptMetrics{app})); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range families {
		byName[f.GetName()] = f
	}
	return byName
}

// find returns the metric of a family that has all of some labels, nil if there is none.
func find(f *dto.MetricFamily, labels ...string) *dto.Metric {
	for _, m := range f.GetMetric() {
		matches := 0
		for i := 0; i < len(labels); i += 2 {
			for _, l := range m.GetLabel() {
				if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
					matches++
				}
			}
		}
		if matches == len(labels)/2 {
			return m
		}
	}
	return nil
}

// emptyStorage is a storage that forgets.
type emptyStorage struct{}

func (emptyStorage) Store(context.Context, string, []byte) error  { return nil }
func (emptyStorage) Load(context.Context, string) ([]byte, error) { return nil, fs.ErrNotExist }

func busyApp(t *testing.T) *App {
	t.Helper()
	h, app := handler(script(t, filepath.Join(t.TempDir(), "app.lua"), `
		local api = rover.server {}
		rover.state("s", { 1, 2, 3 })
		function api.users.p_id.get(ctx) return ctx:param("id") end
		function api.fails.get() error("planted") end
		function api.waits.get() rover.sleep(0.002) return "x" end
		api.users.auth { jwt = ("k"):rep(32), optional = true }
		api.on.limit { rate = 100 }
		api.on.expect { get = { query = { page = "integer?" } } }
		api.on.concurrency { max = 100 }
		function api.on.get(ctx) return api.pass() end
		function api.calls.get() return (rover.http.get("http://127.0.0.1:1", { breaker = true })) and "" end
		return api`), "metrics"), newApp(t)
	h.Allow = []string{rovercaddyfile.AllowNet}
	h.Persist = &rovercaddyfile.Persist{Interval: new(caddy.Duration)} // at the end: a save would have requests wait
	app.scripts.Storage = emptyStorage{}
	if err := begin(t, app, h); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/users/1", "/users/2", "/fails", "/waits", "/on", "/on?page=two", "/calls"} {
		get(t, h, path)
	}
	return app
}

func TestMetricsByRoute(t *testing.T) {
	byName := gather(t, busyApp(t))
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"requests_total", []string{"route", "GET /users/:id", "outcome", "answered"}, 2},
		{"requests_total", []string{"route", "GET /fails", "outcome", "failed"}, 1},
		{"requests_total", []string{"route", "GET /on", "outcome", "passed"}, 1},
		{"errors_total", []string{"route", "GET /fails"}, 1},
		{"errors_total", []string{"route", "GET /on"}, 0},
		{"background_total", []string{"kind", "load", "outcome", "success"}, 1},
		{"limit_total", []string{"limit", "/on", "outcome", "allowed"}, 2},
		{"rule_total", []string{"kind", "expect", "rule", "/on", "outcome", "allowed"}, 1},
		{"rule_total", []string{"kind", "expect", "rule", "/on", "outcome", "denied"}, 1},
		{"rule_total", []string{"kind", "expect", "rule", "/on", "outcome", "failed"}, 0},
		{"rule_total", []string{"kind", "auth", "rule", "/users", "outcome", "allowed"}, 2},
		{"rule_total", []string{"kind", "auth", "rule", "/users", "outcome", "denied"}, 0},
		{"store_calls_total", []string{"store", "memory", "outcome", "answered"}, 2},
	} {
		m := find(byName["caddy_rover_"+c.name], append(c.labels, "vm", "metrics")...)
		if m == nil || m.GetCounter().GetValue() != c.want {
			t.Errorf("%s%v: %v, want %v", c.name, c.labels, m, c.want)
		}
	}
	lua := find(byName["caddy_rover_lua_seconds"], "route", "GET /users/:id").GetHistogram()
	if lua.GetSampleCount() != 2 || lua.GetSampleSum() <= 0 {
		t.Errorf("lua_seconds: %v", lua)
	}
	var sum float64
	for _, m := range byName["caddy_rover_lua_seconds"].GetMetric() {
		sum += m.GetHistogram().GetSampleSum()
	}
	if busy := find(byName["caddy_rover_busy_seconds_total"], "vm", "metrics").GetCounter().GetValue(); busy < sum || sum <= 0 {
		t.Errorf("busy_seconds_total: %v, of which Lua took %v", busy, sum)
	}
	if wait := find(byName["caddy_rover_wait_seconds_total"], "route", "GET /waits"); wait.GetCounter().GetValue() < 0.002 {
		t.Errorf("wait_seconds_total: %v", wait)
	}
	if waited := byName["caddy_rover_queue_wait_seconds"].GetMetric()[0].GetHistogram(); waited.GetSampleCount() != 6 || waited.GetSampleSum() != 0 {
		t.Errorf("queue_wait_seconds of requests that found the VM idle: %v", waited)
	}
}

// Two VMs may have metrics of one name. Where they do not fit together the rest is collected.
func TestScriptMetricsOfTwoVMs(t *testing.T) {
	app, dir := newApp(t), t.TempDir()
	of := func(name, define string) *Handler {
		return handler(script(t, filepath.Join(dir, name+".lua"), `local api = rover.server {}
			rover.metrics.counter("both", { help = "Both." }):inc()
			`+define+`
			return api`), name)
	}
	err := begin(t, app,
		of("one", `rover.metrics.counter("clash"):inc(1)`),
		of("two", `rover.metrics.gauge("clash"):set(2) rover.metrics.gauge("own"):set(3)`))
	if err != nil {
		t.Fatal(err)
	}
	byName := gather(t, app)
	for _, c := range []struct {
		name, vm string
		want     float64
	}{
		{"rover_both", "one", 1}, {"rover_both", "two", 1}, {"rover_clash", "one", 1}, {"rover_own", "two", 3},
	} {
		m := find(byName[c.name], "vm", c.vm)
		if got := m.GetCounter().GetValue() + m.GetGauge().GetValue(); got != c.want {
			t.Errorf("%s of %s: %v, want %v", c.name, c.vm, got, c.want)
		}
	}
	if m := find(byName["rover_clash"], "vm", "two"); m != nil {
		t.Errorf("%v", m)
	}
	if _, logged := app.clashes.Load("two rover_clash"); !logged {
		t.Error("nobody was told")
	}
}

// docs/observing.md lists the metrics that there are, with their labels.
func TestMetricsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/observing.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(caddy_rover_\\w+)` \\|([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		listed[row[1]] = strings.ReplaceAll(row[2], "`", "")
	}
	byName := gather(t, busyApp(t))
	for name, f := range byName {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			if l.GetName() != "vm" {
				labels = append(labels, l.GetName())
			}
		}
		want, ok := listed[name]
		given := strings.Fields(want)
		slices.Sort(given)
		if !ok || !slices.Equal(given, labels) {
			t.Errorf("%s with labels %q is listed (%v) with %q", name, labels, ok, given)
		}
	}
	for name := range listed {
		if byName[name] == nil {
			t.Errorf("there is no metric %s", name)
		}
	}
}

var metricName = regexp.MustCompile(`caddy_rover_\w+`)

// The dashboard asks for metrics that there are, by labels that they have, and shows all.
func TestDashboard(t *testing.T) {
	byName := gather(t, busyApp(t))
	labels := map[string][]string{}
	for name, f := range byName {
		names := []string{"le"}
		for _, l := range f.GetMetric()[0].GetLabel() {
			names = append(names, l.GetName())
		}
		labels[name] = names
	}
	source, err := os.ReadFile("../../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(source, &dashboard); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			metrics := metricName.FindAllString(target.Expr, -1)
			if len(metrics) != 1 {
				t.Errorf("%s: %d metrics in %s", p.Title, len(metrics), target.Expr)
				continue
			}
			name := metrics[0]
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if base, ok := strings.CutSuffix(name, suffix); ok && byName[base].GetType() == dto.MetricType_HISTOGRAM {
					name = base
				}
			}
			if byName[name] == nil {
				t.Errorf("%s: there is no metric %s", p.Title, name)
				continue
			}
			shown[name] = true
			for _, m := range regexp.MustCompile(`(\w+)=~?"|by \(([^)]*)\)|\{\{(\w+)\}\}`).FindAllStringSubmatch(target.Expr+target.LegendFormat, -1) {
				for _, label := range strings.Split(m[1]+m[2]+m[3], ", ") {
					if !slices.Contains(labels[name], label) {
						t.Errorf("%s: %s has no label %q", p.Title, name, label)
					}
				}
			}
		}
	}
	for name := range byName {
		if !shown[name] {
			t.Errorf("%s is not on the dashboard", name)
		}
	}
}
