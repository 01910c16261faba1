package handler

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart/costs"
	roverhttp "github.com/caddy-rover/rover/luart/lib/http"
	roversession "github.com/caddy-rover/rover/luart/lib/session"
	"github.com/caddy-rover/rover/luart/resilience"
)

// vmDescs are the metrics of a VM. The label vm is the name that the config gives it, or the
// path of its script. Counters belong to the VM: they go on across reloads.
var vmDescs []*prometheus.Desc

// describe adds a metric of a VM. Search for the name without caddy_rover_.
func describe(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc("caddy_rover_"+name, help, append([]string{"vm"}, labels...), nil)
	vmDescs = append(vmDescs, d)
	return d
}

var (
	requestsDesc = describe("requests_total",
		"Requests that a script had something to do with, by route and by what became of them: "+
			"answered, passed, proxied, failed, timeout, cancelled, refused.", "route", "outcome")
	errorsDesc = describe("errors_total",
		"Errors of the script in requests of a route.", "route")
	luaDesc = describe("lua_seconds",
		"VM time of the requests of a route: nobody else is served meanwhile.", "route")
	waitDesc = describe("wait_seconds_total",
		"Time that the requests of a route spent in calls that wait.", "route")
	backgroundDesc = describe("background_total",
		"Background work that has ended, by what began it (rover.spawn, load, on_start, …) and outcome: success, failure.", "kind", "outcome")
	backgroundLuaDesc = describe("background_lua_seconds_total",
		"VM time of background work, by what began it.", "kind")
	queueWaitDesc = describe("queue_wait_seconds",
		"Time that requests were queued before the VM ran them.")
	batchDesc = describe("batch_tasks",
		"Queued requests that were run one after the other, without a pause.")
	busyDesc = describe("busy_seconds_total",
		"Time during which a VM was in use: its rate is the busy share.")
	refusedDesc = describe("refused_total",
		"Requests that a VM refused before any Lua ran, by reason: queue, share, queue_timeout, max_waiting, waiting_share, memory, done; "+
			"and those whose body had no place when Lua wanted to read it: receiving.", "reason")
	limitDesc = describe("limit_total",
		"Requests that a limit of a script has decided about before any Lua ran, by the limit's name and outcome: allowed, denied.", "limit", "outcome")
	limitFailedDesc = describe("limit_store_failed_total",
		"Decisions of a limit for which the store did not answer.", "limit")
	ruleDesc = describe("rule_total",
		"Requests that a rule of a place, such as auth, has decided about before their handler ran, by kind, the rule's name and outcome: "+
			"allowed, denied, or failed, where it could not say.", "kind", "rule", "outcome")
	concurrencyDesc = describe("concurrency",
		"Requests to a place whose concurrency a script limits, by the rule's name and state: running, or waiting for a place.", "rule", "state")
	concurrencyTotalDesc = describe("concurrency_total",
		"Requests that a rule of concurrency has decided about before any Lua ran, by the rule's name and outcome: "+
			"allowed, refused, or left, where the client did while it waited.", "rule", "outcome")
	storeUpDesc = describe("store_up",
		"Whether a store answers: 1 or 0. The label store is its address, or memory.", "store")
	storeCallsDesc = describe("store_calls_total",
		"Calls of a store, by outcome: answered, failed.", "store", "outcome")
	storeSecondsDesc = describe("store_seconds",
		"Time that calls of a store took which were answered.", "store")
	storeWaitingDesc = describe("store_waiting",
		"Calls of a store that are under way.", "store")
	leaseKeysDesc = describe("limit_lease_keys",
		"Keys of limits that have taken a part of their rate from a shared store.")
	leaseTokensDesc = describe("limit_lease_tokens",
		"What limits have taken from a shared store and not spent.")
	leaseWaitingDesc = describe("limit_waiting",
		"Requests for which a limit waits for a shared store.")
	sessionsDesc = describe("sessions_total",
		"What rover.session has done, by outcome: started, ended, refused (requests of other sites, or without a CSRF token), "+
			"store_failed (calls without an answer).", "outcome")
	idempotentDesc = describe("idempotent_total",
		"Requests to handlers of api.idempotent, by outcome: first, replayed, conflict, in_progress, no_answer, unprotected, "+
			"invalid, store_failed.", "outcome")
	killsDesc = describe("kills_total",
		"Stretches of VM time that were ended because of burst or memory.")
	quarantinesDesc = describe("quarantines_total",
		"Times that a Lua function was put into quarantine.")
	queuedDesc = describe("queued",
		"Requests that are queued for a VM, by priority.", "priority")
	waitingDesc = describe("waiting",
		"Handlers that wait inside Lua.")
	receivingDesc = describe("receiving",
		"Handlers that wait inside Lua for the body of their request.")
	inFlightDesc = describe("in_flight",
		"Pieces of Lua work that were admitted and have not ended: queued, running or waiting.")
	threadsDesc = describe("threads",
		"Lua threads, by state: waiting inside Lua, spare for later requests.", "state")
	httpDesc = describe("http_requests_total",
		"Requests that rover.http was asked for.")
	httpFailuresDesc = describe("http_failures_total",
		"Requests of rover.http that failed, by the step that did.", "step")
	retriesDesc = describe("retries_total",
		"Requests that were to be made again because they had failed, by whose they are (rover.http, api.proxy) and outcome: "+
			"made, or no_budget.", "of", "outcome")
	breakerDesc = describe("breaker_state",
		"The breaker of a service: 0 closed, 1 half-open, 2 open. The label breaker is its name, or the host and port.", "of", "breaker")
	breakerChangesDesc = describe("breaker_changes_total",
		"Changes of breakers, by the state they came to: closed, half_open, open.", "of", "state")
	breakerRefusedDesc = describe("breaker_refused_total",
		"Requests that were not made because a breaker was open.", "of")
	operatorKillsDesc = describe("operator_kills_total",
		"Calls that an operator ended (POST /rover/kill).")
	mirrorsDesc = describe("mirror_copies_total",
		"Copies of requests (ctx:mirror), by outcome: answered, failed, or dropped without being sent.", "outcome")
	memoryDesc = describe("memory_bytes",
		"What the scripts of a VM kept alive when it was last counted: an estimate.")
	stateDesc = describe("state_bytes",
		"What rover.state kept alive when it was last counted: a part of memory_bytes.")
	reloadsDesc = describe("reloads_total",
		"Attempts to reload the scripts of a VM, by outcome: success, failure.", "outcome")
	versionDesc = describe("version",
		"The version of the scripts that a VM runs (rover.version).")
	persistWritesDesc = describe("persist_writes_total",
		"Attempts to save what a VM keeps, by what (state, store, answers) and outcome: written, unchanged, too_large, failed.", "what", "outcome")
	persistBytesDesc = describe("persist_bytes",
		"The size of the newest snapshot, by what: state, store, answers.", "what")
)

// Describe sends what Collect may send.
func (a *App) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range vmDescs {
		ch <- d
	}
}

// Collect sends the metrics of all VMs in use. It may be that of a config which was refused, or
// is still being provisioned: Caddy serves the metrics of what it has tried to load last. Any
// goroutine may call it.
func (a *App) Collect(ch chan<- prometheus.Metric) {
	for _, vm := range scripts.VMs() {
		vmMetrics{vm, ch}.collect()
	}
}

// vmMetrics sends the metrics of one VM.
type vmMetrics struct {
	vm *scripts.VM
	ch chan<- prometheus.Metric
}

func (m vmMetrics) counter(desc *prometheus.Desc, n float64, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, n, append([]string{m.vm.Name}, labels...)...)
}

func (m vmMetrics) gauge(desc *prometheus.Desc, n float64, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, n, append([]string{m.vm.Name}, labels...)...)
}

func (m vmMetrics) histogram(desc *prometheus.Desc, h scripts.Histogram, sum float64, labels ...string) {
	buckets := make(map[float64]uint64, len(h.Bounds))
	var total uint64
	for i, bound := range h.Bounds {
		total += h.Counts[i]
		buckets[bound] = total
	}
	total += h.Counts[len(h.Bounds)]
	m.ch <- prometheus.MustNewConstHistogram(desc, total, sum, buckets, append([]string{m.vm.Name}, labels...)...)
}

func seconds(bounds []time.Duration) []float64 {
	list := make([]float64, len(bounds))
	for i, d := range bounds {
		list[i] = d.Seconds()
	}
	return list
}

func (m vmMetrics) collect() {
	loop, own := m.vm.Stats(), m.vm.Counters()
	m.collectLoop(loop)
	m.collectCosts()
	m.counter(refusedDesc, float64(own.RefusedMemory), "memory")
	m.counter(refusedDesc, float64(own.RefusedDone), "done")
	m.collectLimits()
	m.collectStores()
	sessions := roversession.Stats(m.vm)
	m.counter(sessionsDesc, float64(sessions.Started.Load()), "started")
	m.counter(sessionsDesc, float64(sessions.Ended.Load()), "ended")
	m.counter(sessionsDesc, float64(sessions.Refused.Load()), "refused")
	m.counter(sessionsDesc, float64(sessions.StoreFailed.Load()), "store_failed")
	for outcome, n := range m.vm.Idempotent() {
		m.counter(idempotentDesc, float64(n), outcome)
	}
	m.counter(killsDesc, float64(own.Kills))
	m.counter(operatorKillsDesc, float64(own.Killed))
	m.counter(quarantinesDesc, float64(own.Quarantines))
	m.counter(mirrorsDesc, float64(own.MirrorsAnswered), "answered")
	m.counter(mirrorsDesc, float64(own.MirrorsFailed), "failed")
	m.counter(mirrorsDesc, float64(own.MirrorsDropped), "dropped")
	http := roverhttp.Stats(m.vm)
	m.counter(httpDesc, float64(http.Requests))
	for step, n := range http.Failures {
		m.counter(httpFailuresDesc, float64(n), string(step))
	}
	m.collectGuard("rover.http", roverhttp.Guarded(m.vm))
	m.collectGuard("api.proxy", m.vm.Guarded())
	m.gauge(memoryDesc, float64(m.vm.Memory()))
	m.gauge(stateDesc, float64(m.vm.StateBytes()))
	reloads, version := m.vm.Reloads()
	m.counter(reloadsDesc, float64(reloads.Done), "success")
	m.counter(reloadsDesc, float64(reloads.Failed), "failure")
	m.gauge(versionDesc, float64(version))
	m.collectPersist()
}

// collectGuard sends the metrics of services that fail.
func (m vmMetrics) collectGuard(of string, s resilience.Stats) {
	m.counter(retriesDesc, float64(s.Retried), of, "made")
	m.counter(retriesDesc, float64(s.Spared), of, "no_budget")
	m.counter(breakerRefusedDesc, float64(s.Refused), of)
	for state, n := range s.Changes {
		m.counter(breakerChangesDesc, float64(n), of, state)
	}
	for _, b := range s.Breakers {
		m.gauge(breakerDesc, float64(b.State), of, b.Name)
	}
}

func (m vmMetrics) collectLimits() {
	for id, c := range m.vm.RuleCounts() {
		m.counter(ruleDesc, float64(c.Allowed.Load()), id.Kind, id.Name, "allowed")
		m.counter(ruleDesc, float64(c.Denied.Load()), id.Kind, id.Name, "denied")
		m.counter(ruleDesc, float64(c.Failed.Load()), id.Kind, id.Name, "failed")
	}
	for name, c := range m.vm.LimitCounts() {
		m.counter(limitDesc, float64(c.Allowed.Load()), name, "allowed")
		m.counter(limitDesc, float64(c.Denied.Load()), name, "denied")
		m.counter(limitFailedDesc, float64(c.Failed.Load()), name)
	}
	for name, gate := range m.vm.Concurrency() {
		s := gate.Stats()
		m.gauge(concurrencyDesc, float64(s.Inside), name, "running")
		m.gauge(concurrencyDesc, float64(s.Waiting), name, "waiting")
		m.counter(concurrencyTotalDesc, float64(s.Entered), name, "allowed")
		m.counter(concurrencyTotalDesc, float64(s.Refused), name, "refused")
		m.counter(concurrencyTotalDesc, float64(s.Given), name, "left")
	}
}

// collectStores sends the metrics of stores. Those at one address, with other users or prefixes, are
// one: it answers when all do.
func (m vmMetrics) collectStores() {
	byName := map[string]scripts.StoreStatus{}
	for _, s := range m.vm.Stores() {
		if sum, ok := byName[s.Name()]; ok {
			s.Up = s.Up && sum.Up
			s.Answered, s.Errors, s.Waiting = s.Answered+sum.Answered, s.Errors+sum.Errors, s.Waiting+sum.Waiting
			s.TotalSeconds += sum.TotalSeconds
			for i, n := range sum.Latency.Counts {
				s.Latency.Counts[i] += n
			}
		}
		byName[s.Name()] = s
	}
	for name, s := range byName {
		up := 0.0
		if s.Up {
			up = 1
		}
		m.gauge(storeUpDesc, up, name)
		m.counter(storeCallsDesc, float64(s.Answered), name, "answered")
		m.counter(storeCallsDesc, float64(s.Errors), name, "failed")
		m.histogram(storeSecondsDesc, s.Latency, s.TotalSeconds, name)
		m.gauge(storeWaitingDesc, float64(s.Waiting), name)
	}
	leases := m.vm.Leases()
	m.gauge(leaseKeysDesc, float64(leases.Keys))
	m.gauge(leaseTokensDesc, float64(leases.Tokens))
	m.gauge(leaseWaitingDesc, float64(leases.Waiting))
}

func (m vmMetrics) collectLoop(loop eventloop.Stats) {
	m.histogram(queueWaitDesc, scripts.QueueWaits(loop), loop.QueueWait.Seconds())
	m.histogram(batchDesc, scripts.BatchSizes(loop), float64(loop.Batched))
	m.counter(busyDesc, loop.Busy.Seconds())
	m.counter(refusedDesc, float64(loop.Refused.Full), "queue")
	m.counter(refusedDesc, float64(loop.Refused.Quota), "share")
	m.counter(refusedDesc, float64(loop.Refused.QueueTimeout), "queue_timeout")
	m.counter(refusedDesc, float64(loop.Refused.Waiting), "max_waiting")
	m.counter(refusedDesc, float64(loop.Refused.WaitingQuota), "waiting_share")
	m.counter(refusedDesc, float64(loop.Refused.Receiving), "receiving")
	m.gauge(queuedDesc, float64(loop.Depths[eventloop.High]), "high")
	m.gauge(queuedDesc, float64(loop.Depths[eventloop.Normal]), "normal")
	m.gauge(queuedDesc, float64(loop.Depths[eventloop.Low]), "low")
	m.gauge(waitingDesc, float64(loop.Waiting))
	m.gauge(receivingDesc, float64(loop.Receiving))
	m.gauge(inFlightDesc, float64(loop.InFlight))
	m.gauge(threadsDesc, float64(loop.Waiting+loop.Receiving), "waiting")
	m.gauge(threadsDesc, float64(loop.Spare), "spare")
}

func (m vmMetrics) collectCosts() {
	routes, background := m.vm.Costs()
	for _, r := range routes {
		for _, outcome := range costs.Outcomes {
			if n := r.Requests[outcome]; n > 0 || outcome == costs.Answered { // a route is there before its first request
				m.counter(requestsDesc, float64(n), r.Route, outcome)
			}
		}
		m.counter(errorsDesc, float64(r.Errors), r.Route)
		m.histogram(luaDesc, scripts.Histogram{Bounds: seconds(r.Lua.Bounds), Counts: r.Lua.Counts}, r.Total.Lua.Seconds(), r.Route)
		m.counter(waitDesc, r.Total.Wait.Seconds(), r.Route)
	}
	for _, b := range background {
		m.counter(backgroundDesc, float64(b.Requests[costs.Answered]), b.Route, "success")
		m.counter(backgroundDesc, float64(b.Requests[costs.Failed]), b.Route, "failure")
		m.counter(backgroundLuaDesc, b.Total.Lua.Seconds(), b.Route)
	}
}

func (m vmMetrics) collectPersist() {
	for _, of := range m.vm.Saved() {
		m.counter(persistWritesDesc, float64(of.Writes.Written), of.Kind, "written")
		m.counter(persistWritesDesc, float64(of.Writes.Unchanged), of.Kind, "unchanged")
		m.counter(persistWritesDesc, float64(of.Writes.TooLarge), of.Kind, "too_large")
		m.counter(persistWritesDesc, float64(of.Writes.Failed), of.Kind, "failed")
		m.gauge(persistBytesDesc, float64(of.Bytes), of.Kind)
	}
}
