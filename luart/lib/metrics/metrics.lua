---@meta rover.metrics

---Figures of the script's own among those of the server, as rover_<name> with the label vm. They outlive reloads. A script has
---at most 200 metrics with 10,000 combinations of label values: labels are for what the script decides, not for what clients send.
rover.metrics = {}

---A counter, which only goes up.
---
---Errors: a name that is none; another kind, or other labels, under a name; more than 10 labels or 200 metrics.
---
---```lua
---local orders = rover.metrics.counter("orders_total", { help = "Orders taken.", labels = { "plan" } })
---function api.post()
---  orders:inc({ plan = "gold" })
---  orders:inc(2, { plan = "basic" })
---end
----- POST / => 204 
---```
---@param name string Letters, digits and _
---@param options? { help?: string, labels?: string[] }
---@return rover.Counter
function rover.metrics.counter(name, options) end

---A gauge, which goes up and down.
---
---Errors: as rover.metrics.counter.
---
---```lua
---local open = rover.metrics.gauge("open_orders")
---function api.post() open:inc() end
---function api.delete() open:dec() end
---function api.put() open:set(0) end
----- POST / => 204 
----- DELETE / => 204 
----- PUT / => 204 
---```
---@param name string Letters, digits and _
---@param options? { help?: string, labels?: string[] }
---@return rover.Gauge
function rover.metrics.gauge(name, options) end

---A histogram, which counts values by size.
---
---Errors: as rover.metrics.counter; buckets that are not 1 to 64 numbers in ascending order.
---
---```lua
---local sizes = rover.metrics.histogram("order_items", { buckets = { 1, 5, 10 } })
---function api.post() sizes:observe(3) end
----- POST / => 204 
---```
---@param name string Letters, digits and _
---@param options? { help?: string, labels?: string[], buckets?: number[] }
---@return rover.Histogram
function rover.metrics.histogram(name, options) end

---A counter, which rover.metrics.counter returns.
---@class rover.Counter
local Counter = {}

---Adds to the counter.
---
---Errors: a negative or an infinite number; labels that are not those of the metric.
---
---Example: see `rover.metrics.counter`.
---@param n? number Default: 1
---@param labels? table<string, string|number|boolean> A value for each label of the metric
---@overload fun(self, labels: table<string, string|number|boolean>)
function Counter:inc(n, labels) end

---A gauge, which rover.metrics.gauge returns.
---@class rover.Gauge
local Gauge = {}

---Sets the gauge.
---
---Errors: an infinite number; labels that are not those of the metric.
---
---Example: see `rover.metrics.gauge`.
---@param n number
---@param labels? table<string, string|number|boolean> A value for each label of the metric
function Gauge:set(n, labels) end

---Adds to the gauge.
---
---Errors: as gauge:set.
---
---Example: see `rover.metrics.gauge`.
---@param n? number Default: 1
---@param labels? table<string, string|number|boolean> A value for each label of the metric
---@overload fun(self, labels: table<string, string|number|boolean>)
function Gauge:inc(n, labels) end

---Takes from the gauge.
---
---Errors: as gauge:set.
---
---Example: see `rover.metrics.gauge`.
---@param n? number Default: 1
---@param labels? table<string, string|number|boolean> A value for each label of the metric
---@overload fun(self, labels: table<string, string|number|boolean>)
function Gauge:dec(n, labels) end

---A histogram, which rover.metrics.histogram returns.
---@class rover.Histogram
local Histogram = {}

---Counts a value.
---
---Errors: an infinite number; labels that are not those of the metric.
---
---Example: see `rover.metrics.histogram`.
---@param n number
---@param labels? table<string, string|number|boolean> A value for each label of the metric
function Histogram:observe(n, labels) end
