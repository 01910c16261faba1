-- What a file of tests sees: test, before_each, expect and rover.test. It runs before the
-- file, in each of its VMs. host has the functions of Go.
local rover, host = ...
local tests, befores, upstreams = {}, {}, {}
local running -- the name of the test that runs
local expected, waiting = 0, {} -- how many expectations it had; those that nothing was asked of, in order
local lib = {}
rover.test = lib

local function must(level, value, why)
  if value == nil and why ~= nil then error(why, level + 1) end
  return value
end

local function check(level, name, n, value, kind)
  if type(value) ~= kind then
    error(("bad argument #%d to %s (%s expected, got %s)"):format(n, name, kind, value == nil and "nil" or type(value)), level + 1)
  end
end

-- where returns "file:line: " of what called the function that asks.
local function where(level)
  local _, at = pcall(function() error("", level + 3) end)
  return at
end

-- Tests -----------------------------------------------------------------------------------

-- top_level raises where a test runs: what it would add, nobody would ever run.
local function top_level(level, what)
  if running then error(("%s in the test %q would not run: write it at the top level of the file"):format(what, running), level + 1) end
end

local function add(name, fn, how)
  top_level(3, "a test")
  check(3, "test", 1, name, "string")
  check(3, "test", 2, fn, "function")
  tests[#tests + 1] = { name = name, fn = fn, how = how, where = where(3) }
end

test = setmetatable({
  skip = function(name, fn) add(name, fn or function() end, "skip") end,
  only = function(name, fn) add(name, fn, "only") end,
}, { __call = function(_, name, fn) add(name, fn, "") end })

function before_each(fn)
  top_level(2, "before_each")
  check(2, "before_each", 1, fn, "function")
  befores[#befores + 1] = fn
end

-- Values as text --------------------------------------------------------------------------

local function quoted(s)
  return '"' .. s:gsub('[%c"\\\127-\255]', function(c)
    local short = ({ ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" })[c]
    if short then return short end
    return c:byte() >= 128 and c or ("\\%03d"):format(c:byte())
  end) .. '"'
end

local function key_order(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
  return type(a) < type(b)
end

local function inspect(v, indent, open)
  if type(v) == "string" then return quoted(v) end
  if type(v) == "number" and v == math.floor(v) and math.abs(v) < 1e15 then return ("%d"):format(v) end
  if v == rover.json.null then return "rover.json.null" end
  if type(v) ~= "table" then return tostring(v) end
  if open[v] then return "{ the same again }" end
  open[v] = true
  local inner, lines, list = indent .. "  ", {}, #v
  for i = 1, list do lines[i] = inner .. inspect(rawget(v, i), inner, open) .. "," end
  local keys = {}
  for k in next, v do
    if not (type(k) == "number" and k >= 1 and k <= list and k % 1 == 0) then keys[#keys + 1] = k end
  end
  table.sort(keys, key_order)
  for _, k in ipairs(keys) do
    local name = type(k) == "string" and k:find("^[%a_][%w_]*$") and k or "[" .. inspect(k, inner, open) .. "]"
    lines[#lines + 1] = inner .. name .. " = " .. inspect(rawget(v, k), inner, open) .. ","
  end
  open[v] = nil
  if #lines == 0 then return "{}" end
  return "{\n" .. table.concat(lines, "\n") .. "\n" .. indent .. "}"
end

local function text_of(v) return inspect(v, "", {}) end

local function equal(a, b, open)
  if a == b or a ~= a and b ~= b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  if open[a] == b then return true end
  open[a] = b
  for k, v in next, a do if not equal(v, rawget(b, k), open) then return false end end
  for k in next, b do if rawget(a, k) == nil then return false end end
  return true
end

-- Expectations ----------------------------------------------------------------------------

-- fail raises what is wrong with an expectation, after what it was called.
local function fail(level, self, text)
  local about = rawget(self, "about")
  if about ~= nil then text = about .. ": " .. text end
  error(text, level + 1)
end

local function mismatch(level, self, want, got)
  local a, b = text_of(want), text_of(got)
  if type(want) == "string" and type(got) == "string" and (want:find "\n" or got:find "\n") then a, b = want, got end
  if a:find "\n" or b:find "\n" then
    fail(level + 1, self, "not equal (- expected, + got):\n" .. host.diff(a, b))
  end
  fail(level + 1, self, "expected " .. a .. "\n     got " .. b)
end

local expectation = {}

local function value_of(self, name)
  if type(self) ~= "table" or getmetatable(self) ~= expectation then
    error("call expect(value):" .. name .. "(…) with a colon", 3)
  end
  for i, e in ipairs(waiting) do
    if e.expectation == self then table.remove(waiting, i) break end
  end
  return rawget(self, "value")
end

function expectation:is(want)
  local got = value_of(self, "is")
  if got ~= want then mismatch(2, self, want, got) end
  return self
end

function expectation:is_not(other)
  if value_of(self, "is_not") == other then fail(2, self, "expected anything but " .. text_of(other)) end
  return self
end

function expectation:equals(want)
  local got = value_of(self, "equals")
  if not equal(want, got, {}) then mismatch(2, self, want, got) end
  return self
end

function expectation:matches(pattern)
  local got = value_of(self, "matches")
  check(2, "matches", 1, pattern, "string")
  if type(got) ~= "string" or not got:find(pattern) then
    fail(2, self, "expected a string that matches " .. quoted(pattern) .. "\n     got " .. text_of(got))
  end
  return self
end

function expectation:contains(part)
  local got = value_of(self, "contains")
  local found = type(got) == "string" and type(part) == "string" and got:find(part, 1, true) ~= nil
  if type(got) == "table" then
    for _, v in ipairs(got) do found = found or equal(part, v, {}) end
  end
  if not found then fail(2, self, "expected " .. text_of(part) .. " in\n         " .. text_of(got)) end
  return self
end

function expectation:raises(pattern)
  local fn = value_of(self, "raises")
  check(2, "expect(…):raises", 1, fn, "function")
  local ok, err = pcall(fn)
  local message = type(err) == "table" and tostring(err.message) or tostring(err)
  if ok then fail(2, self, "expected an error, the function returned") end
  if pattern and not message:find(pattern) then
    fail(2, self, "expected an error that matches " .. quoted(pattern) .. "\n     got " .. quoted(message))
  end
  return self
end

expectation.__index = function(_, name)
  local method = rawget(expectation, name)
  if method == nil then error("expect(…) has no " .. tostring(name) .. ": there are is, is_not, equals, matches, contains, raises", 2) end
  return method
end

function expect(value, about)
  if about ~= nil then about = type(about) == "string" and about or text_of(about) end
  local self = setmetatable({ value = value, about = about }, expectation)
  expected = expected + 1
  waiting[#waiting + 1] = { expectation = self, where = where(2) }
  return self
end

local assert_that = assert

function assert(...)
  expected = expected + 1
  return assert_that(...)
end

-- Requests --------------------------------------------------------------------------------

local function header_table(all)
  local first = {}
  for name, values in pairs(all) do first[name] = values[1] end
  return setmetatable(first, {
    __index = function(t, name) return type(name) == "string" and rawget(t, name:lower()) or nil end,
  })
end

local response = {}
response.__index = response

function response:json() return must(2, rover.json.decode(self.body)) end
function response:header(name) return self.headers[name] end
function response:all(name) return self.every_header[name:lower()] or {} end

-- events_of returns the events that text has: { { event =, data =, id = }, … }.
local function events_of(text)
  -- A local, because gopher-lua crashes on for x in (f() .. s):gmatch(…).
  local list, blocks = {}, text:gsub("\r\n", "\n") .. "\n\n"
  for block in blocks:gmatch "(.-)\n\n+" do
    local event = {}
    for line in block:gmatch "[^\n]+" do
      local field, value = line:match "^([%a]+): ?(.*)$"
      if field == "data" and event.data then value = event.data .. "\n" .. value end
      if field then event[field] = value end
    end
    if event.data then list[#list + 1] = event end
  end
  return list
end

function response:events() return events_of(self.body) end

-- open_streams have what of a stream has been read and not returned yet, and its number in Go.
local open_streams = setmetatable({}, { __mode = "k" })

local stream = setmetatable({}, { __index = response })
stream.__index = stream

local function stream_of(self, name)
  local s = open_streams[self]
  if not s then error("call it with a colon: s:" .. name .. "(…)", 3) end
  return s
end

-- more has more of the body come, if there is more.
local function more(level, self, s)
  local text = must(level + 1, host.read(s.number))
  if text == nil then return false end
  self.body = self.body .. text
  s.unread = s.unread .. text
  return true
end

local function update(self, s, level)
  local now = must(level + 1, host.leave(s.number))
  self.error, self.aborted, self.upstream, self.upstreams = now.error, now.aborted, now.upstream, now.upstreams
end

function stream:read()
  local s = stream_of(self, "read")
  if s.unread == "" and not more(2, self, s) then
    update(self, s, 2)
    return nil
  end
  local text = s.unread
  s.unread = ""
  return text
end

local function next_event(level, self, s)
  while true do
    local text = s.unread:gsub("\r\n", "\n")
    local block, rest = text:match "^(.-)\n\n+(.*)$"
    if block then
      s.unread = rest
      local event = events_of(block)[1]
      if event then return event end
    elseif not more(level + 1, self, s) then
      s.unread = ""
      update(self, s, level + 1)
      return events_of(text)[1]
    end
  end
end

function stream:event() return (next_event(2, self, stream_of(self, "event"))) end

function stream:events(n)
  local s, list = stream_of(self, "events"), {}
  if n ~= nil then check(2, "events", 1, n, "number") end
  while n == nil or #list < n do
    local event = next_event(2, self, s)
    if event == nil then break end
    list[#list + 1] = event
  end
  return list
end

function stream:close()
  update(self, stream_of(self, "close"), 2)
  return self
end

local request_options = {
  body = true, client_ip = true, form = true, headers = true, host = true, json = true, method = true, path = true, query = true, scheme = true,
}
local send_options = setmetatable({ events = true, stream = true, timeout = true }, { __index = request_options })

-- request_of returns options as Go takes them.
local function request_of(level, options, known, names)
  local r = {}
  for k, v in pairs(options) do
    if not known[k] then error('unknown option "' .. tostring(k) .. '": there are ' .. names, level + 1) end
    r[k] = v
  end
  if r.json ~= nil then r.json_text, r.json = rover.json.encode(r.json), nil end
  return r
end

local function send(options)
  local r = request_of(3, options, send_options, "body, client_ip, events, form, headers, host, json, query, scheme, stream, timeout")
  local streams, events = r.stream, r.events
  r.stream, r.events = nil, nil
  if streams ~= nil and type(streams) ~= "boolean" then error("option stream: true or false expected", 3) end
  if events ~= nil and not (type(events) == "number" and events >= 1) then error("option events: a number from 1 on expected", 3) end
  local res, number
  if streams or events then
    res, number = host.open(r)
    if not res then error(number, 3) end
  else
    res = must(3, host.request(r))
  end
  res.every_header = res.headers
  res.headers = header_table(res.headers)
  if not number then return setmetatable(res, response) end
  setmetatable(res, stream)
  open_streams[res] = { number = number, unread = "" }
  if streams then return res end
  local list = stream.events(res, events)
  stream.close(res)
  function res.events() return list end
  return res
end

for _, method in ipairs { "get", "post", "put", "patch", "delete", "head", "options" } do
  lib[method] = function(path, options)
    check(2, method, 1, path, "string")
    if options ~= nil then check(2, method, 2, options, "table") end
    local all = { method = method:upper(), path = path }
    for k, v in pairs(options or {}) do all[k] = v end
    local res = send(all)
    return res
  end
end

function lib.request(options)
  check(2, "request", 1, options, "table")
  local res = send(options)
  return res
end

-- upgrade is what a client asks for a WebSocket with.
local upgrade = {
  Connection = "Upgrade", Upgrade = "websocket", ["Sec-WebSocket-Version"] = "13", ["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ==",
}

function lib.websocket(path, options)
  check(2, "websocket", 1, path, "string")
  if options ~= nil then check(2, "websocket", 2, options, "table") end
  local all, headers = { method = "GET", path = path }, {}
  for k, v in pairs(options or {}) do all[k] = v end
  for k, v in pairs(upgrade) do headers[k] = v end
  if all.headers ~= nil then check(2, "option headers of websocket", 2, all.headers, "table") end
  for k, v in pairs(all.headers or {}) do headers[k] = v end
  all.headers = headers
  local res = send(all)
  return res
end

-- What the script has registered for Caddy's own places -----------------------------------

local function asked(level, options)
  return request_of(level + 1, options or {}, request_options, "client_ip, headers, host, method, path, query, scheme")
end

function lib.matcher(name, options)
  check(2, "matcher", 1, name, "string")
  if options ~= nil then check(2, "matcher", 2, options, "table") end
  return (must(2, host.match(name, asked(2, options))))
end

function lib.policy(name, list, options)
  check(2, "policy", 1, name, "string")
  check(2, "policy", 2, list, "table")
  if options ~= nil then check(2, "policy", 3, options, "table") end
  local chosen = list[must(2, host.choose(name, list, asked(2, options)))]
  return type(chosen) == "table" and chosen.dial or chosen
end

function lib.tls_permission(name, server_name)
  check(2, "tls_permission", 1, name, "string")
  check(2, "tls_permission", 2, server_name, "string")
  return (must(2, host.permit(name, server_name)))
end

function lib.tls_certificate(name, server_name)
  check(2, "tls_certificate", 1, name, "string")
  check(2, "tls_certificate", 2, server_name, "string")
  local found, why = host.certify(name, server_name)
  if why then error(why, 2) end
  return found
end

-- The world around the script -------------------------------------------------------------

function lib.script(path, options)
  check(2, "script", 1, path, "string")
  must(2, host.script(path, options or {}))
end

function lib.upstream(name, answer)
  check(2, "upstream", 1, name, "string")
  if answer == nil then error("bad argument #1 to upstream (function, table or string expected, got nil)", 2) end
  local pattern = "^" .. name:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*") .. "$"
  table.insert(upstreams, 1, { pattern = pattern, answer = answer })
end

function lib.advance(seconds)
  check(2, "advance", 1, seconds, "number")
  must(2, host.advance(seconds))
end

function lib.logs() return must(2, host.logs()) end

function lib.state(name)
  check(2, "state", 1, name, "string")
  local found, why = host.state(name)
  if why then error(why, 2) end
  return found
end

local function reply(v, why)
  if v == nil or v == false then return { error = why or "the fake upstream returned nothing" } end
  if type(v) == "string" then return { status = 200, body = v } end
  if type(v) == "number" then return { status = v, body = "" } end
  if type(v) ~= "table" then error("a fake upstream answers with a string, a table, a status, or nil and a message, not with a " .. type(v), 0) end
  local status, headers, body, json, err = v.status, v.headers, v.body, v.json, v.error
  if status == nil and headers == nil and body == nil and json == nil and err == nil then json = v end
  if err ~= nil then return { error = tostring(err) } end
  local ctype
  if json ~= nil then body, ctype = rover.json.encode(json), "application/json" end
  return { status = status or 200, headers = headers or {}, body = body or "", content_type = ctype }
end

-- What Go calls ---------------------------------------------------------------------------

return {
  list = function()
    local list = {}
    for i, t in ipairs(tests) do list[i] = { name = t.name, how = t.how } end
    return list
  end,

  run = function(n)
    running = tests[n].name
    for _, fn in ipairs(befores) do fn() end
    expected, waiting = 0, {} -- what is expected before each test says nothing of this one
    tests[n].fn()
    if waiting[1] then error(waiting[1].where .. "expect(…) alone expects nothing: write expect(…):is(…), or another of its methods", 0) end
    if expected == 0 then error(tests[n].where .. "the test expects nothing: write expect(…):is(…), or test.skip", 0) end
  end,

  -- names: what a fake may be called, the most exact first.
  upstream = function(names, request)
    for _, u in ipairs(upstreams) do
      for _, name in ipairs(names) do
        if name:find(u.pattern) then
          if type(u.answer) ~= "function" then return reply(u.answer) end
          request.headers = header_table(request.headers)
          return reply(u.answer(request))
        end
      end
    end
    return { unknown = true }
  end,
}
