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
local sessions, g, s = rover.session.new { secure = false }, rover.guard, rover.store("s")
function api.session.get(ctx)
  local own = sessions:start(ctx)
  own:regenarate() --> unknown-field
  local lock = s:lock("x", 5)
  if lock then lock:unlok() end --> unknown-field
  if client:get("/x"):jsno() then return 1 end --> unknown-field
  return own:id()
end
local schema = g:object { name = g:string():required():mxa(3), age = g:integer():min(3) } --> unknown-field
function api.schema.post(ctx) return ctx:body():expect(schema) end
return api
