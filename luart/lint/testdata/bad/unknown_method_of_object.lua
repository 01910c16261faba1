local api = rover.server {}
local jobs, cache = rover.channel("jobs", 10), rover.cache("c")
local client = rover.http.create { base_url = "http://127.0.0.1:1" }
local orders = rover.metrics.counter("orders_total")
function api.get(ctx)
  local job = jobs:receive(1) --> unknown-field
  cache:put("x", job) --> unknown-field
  local data = ctx:body():jsno() --> unknown-field
  local res = client:fetch("/x") --> unknown-field
  orders:add(1) --> unknown-field
  local answer = rover.http.get("http://127.0.0.1:1/")
  if answer.stauts == 200 then return answer.data end --> unknown-field
  if answer.cached then return answer.ok, answer.lines end
  return answer and answer:text() or { data, res } --> unknown-field
end
return api
