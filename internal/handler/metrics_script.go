package handler

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart/lib/metrics"
)

// scriptMetrics collects what the scripts of a config have made with rover.metrics. It tells
// nothing beforehand, since they may make metrics at any time.
type scriptMetrics struct{ app *App }

// Describe implements prometheus.Collector.
func (scriptMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics of the config's VMs. Two VMs may have a metric of one name, if
// they define it alike; of others only the first can be collected, and the log says so. Any
// goroutine may call it.
func (s scriptMetrics) Collect(ch chan<- prometheus.Metric) {
	type owner struct{ vm, signature string }
	seen := map[string]owner{}
	for _, vm := range scripts.VMs() {
		for _, m := range metrics.In(vm) {
			first, ok := seen[m.Name]
			switch {
			case !ok:
				seen[m.Name] = owner{vm.Name, m.Signature}
			case first.signature != m.Signature:
				if _, logged := s.app.clashes.LoadOrStore(vm.Name+" "+m.Name, true); !logged {
					s.app.logger.Error("a metric is defined otherwise in another VM and cannot be collected: give it another name, or the same kind, help and labels",
						zap.String("metric", m.Name), zap.String("vm", vm.Name), zap.String("first_in", first.vm))
				}
				continue
			}
			prometheus.WrapCollectorWith(prometheus.Labels{"vm": vm.Name}, m.Collector).Collect(ch)
		}
	}
}

// Interface guard
var _ prometheus.Collector = scriptMetrics{}
