// Package metrics is the library rover.metrics: figures of the script's own, beside those of the
// server.
//
//	local orders = rover.metrics.counter("orders_total", { help = "Orders taken.", labels = { "kind" } })
//	orders:inc { kind = "gift" }
//
// A metric belongs to the VM, as rover.state does: it goes on when the script is reloaded.
// It is rover_<name> where metrics are read, so that it cannot be taken for one of the
// server's.
package metrics
