---@meta rover.metrics

---Figures of the script's own among those of the server, as rover_<name>. They outlive reloads.
rover.metrics = {}

---@param name string
---@param options? { help?: string, labels?: string[] }
---@return rover.Counter
function rover.metrics.counter(name, options) end

---@param name string
---@param options? { help?: string, labels?: string[] }
---@return rover.Gauge
function rover.metrics.gauge(name, options) end

---@param name string
---@param options? { help?: string, labels?: string[], buckets?: number[] }
---@return rover.Histogram
function rover.metrics.histogram(name, options) end

---@class rover.Counter
local Counter = {}

---@param n? number Default: 1
---@param labels? table<string, string|number|boolean>
---@overload fun(self, labels: table<string, string|number|boolean>)
function Counter:inc(n, labels) end

---@class rover.Gauge
local Gauge = {}

---@param n number
---@param labels? table<string, string|number|boolean>
function Gauge:set(n, labels) end

---@param n? number Default: 1
---@param labels? table<string, string|number|boolean>
---@overload fun(self, labels: table<string, string|number|boolean>)
function Gauge:inc(n, labels) end

---@param n? number Default: 1
---@param labels? table<string, string|number|boolean>
---@overload fun(self, labels: table<string, string|number|boolean>)
function Gauge:dec(n, labels) end

---@class rover.Histogram
local Histogram = {}

---@param n number
---@param labels? table<string, string|number|boolean>
function Histogram:observe(n, labels) end
