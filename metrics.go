package rover

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-rover/rover/eventloop"
)

// The metrics of a VM. The label vm is the name that the config gives it, or the path of
// its script. Counters belong to the VM: they go on across reloads.
var (
	refusedDesc = prometheus.NewDesc("caddy_rover_refused_total",
		"Requests that a VM refused before any Lua ran, by reason: queue, share, queue_timeout, max_waiting, memory.",
		[]string{"vm", "reason"}, nil)
	killsDesc = prometheus.NewDesc("caddy_rover_kills_total",
		"Stretches of VM time that were ended because of burst or memory.", []string{"vm"}, nil)
	quarantinesDesc = prometheus.NewDesc("caddy_rover_quarantines_total",
		"Times that a Lua function was put into quarantine.", []string{"vm"}, nil)
	queuedDesc = prometheus.NewDesc("caddy_rover_queued",
		"Requests that are queued for a VM, by priority.", []string{"vm", "priority"}, nil)
	waitingDesc = prometheus.NewDesc("caddy_rover_waiting",
		"Handlers that wait inside Lua.", []string{"vm"}, nil)
	inFlightDesc = prometheus.NewDesc("caddy_rover_in_flight",
		"Pieces of Lua work that were admitted and have not ended: queued, running or waiting.", []string{"vm"}, nil)
	mirrorsDesc = prometheus.NewDesc("caddy_rover_mirror_copies_total",
		"Copies of requests (ctx:mirror), by outcome: answered, failed, or dropped without being sent.", []string{"vm", "outcome"}, nil)
	memoryDesc = prometheus.NewDesc("caddy_rover_memory_bytes",
		"What the scripts of a VM kept alive when it was last counted: an estimate.", []string{"vm"}, nil)
	reloadsDesc = prometheus.NewDesc("caddy_rover_reloads_total",
		"Attempts to reload the scripts of a VM, by outcome: success, failure.", []string{"vm", "outcome"}, nil)
	versionDesc = prometheus.NewDesc("caddy_rover_version",
		"The version of the scripts that a VM runs (rover.version).", []string{"vm"}, nil)
)

// Describe sends what Collect may send.
func (a *App) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{refusedDesc, killsDesc, quarantinesDesc, queuedDesc, waitingDesc, inFlightDesc, mirrorsDesc, memoryDesc, reloadsDesc, versionDesc} {
		ch <- d
	}
}

// Collect sends the metrics of the config's VMs. Any goroutine may call it.
func (a *App) Collect(ch chan<- prometheus.Metric) {
	for _, p := range a.programs {
		collect(ch, p.vm)
	}
}

func collect(ch chan<- prometheus.Metric, vm *sharedVM) {
	name := vm.name
	counter := func(desc *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), append([]string{name}, labels...)...)
	}
	gauge := func(desc *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, n, append([]string{name}, labels...)...)
	}
	loop, own := vm.Stats(), vm.Counters()
	counter(refusedDesc, loop.Refused.Full, "queue")
	counter(refusedDesc, loop.Refused.Share, "share")
	counter(refusedDesc, loop.Refused.QueueTimeout, "queue_timeout")
	counter(refusedDesc, loop.Refused.Waiting, "max_waiting")
	counter(refusedDesc, own.RefusedMemory, "memory")
	counter(killsDesc, own.Kills)
	counter(quarantinesDesc, own.Quarantines)
	counter(mirrorsDesc, own.MirrorsAnswered, "answered")
	counter(mirrorsDesc, own.MirrorsFailed, "failed")
	counter(mirrorsDesc, own.MirrorsDropped, "dropped")
	gauge(queuedDesc, float64(loop.Depths[eventloop.High]), "high")
	gauge(queuedDesc, float64(loop.Depths[eventloop.Normal]), "normal")
	gauge(queuedDesc, float64(loop.Depths[eventloop.Low]), "low")
	gauge(waitingDesc, float64(loop.Waiting))
	gauge(inFlightDesc, float64(loop.InFlight))
	gauge(memoryDesc, float64(vm.Memory()))
	reloads, version := vm.reloads()
	counter(reloadsDesc, reloads.Done, "success")
	counter(reloadsDesc, reloads.Failed, "failure")
	gauge(versionDesc, float64(version))
}
