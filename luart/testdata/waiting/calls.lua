-- The calls that wait. What each waits for is done by a request that runs meanwhile: see release in app.lua. Each
-- returns its id.
local shared = rover.state("waiting", { released = {} })
local up = rover.config.up
local calls = {}

function calls.sleep(id)
  repeat rover.sleep(0.001) until shared.released[id]
  return id
end

function calls.body(_, ctx) return ctx:body():text() end

function calls.http(id) return assert(rover.http.get(up .. id)).body end

function calls.chunks(id)
  local all = {}
  for chunk in assert(rover.http.get(up .. id, { stream = true })):chunks() do all[#all + 1] = chunk end
  return table.concat(all)
end

function calls.lines(id)
  local all = {}
  for line in assert(rover.http.get(up .. id, { stream = true })):lines() do all[#all + 1] = line end
  return table.concat(all)
end

function calls.read(id)
  return assert(rover.http.get(up .. id, { stream = true })):read()
end

function calls.parallel(id)
  local _, got = rover.parallel { function() rover.sleep(0) end, function() return calls.recv(id) end }
  return got
end

function calls.fetch(id)
  return rover.cache("waiting"):fetch(id, function() return "this is the other's to bring" end)
end

function calls.lock(id)
  rover.lock(id):acquire()
  rover.lock(id):release()
  return id
end

function calls.semaphore(id)
  rover.semaphore(id, 1):acquire()
  rover.semaphore(id, 1):release()
  return id
end

function calls.send(id)
  rover.channel(id):send(id)
  return id
end

function calls.recv(id) return rover.channel(id):recv() end

function calls.iter(id)
  for value in rover.channel(id):iter() do return value end
end

-- waiter returns a function that waits by the call of that name the first time, and for a moment every later time: a
-- comparator, for instance, is called more than once. It returns id and checks that others ran meanwhile.
local function waiter(name, id, ctx)
  local first = true
  return function()
    if not first then
      rover.sleep(0)
      return id
    end
    first = false
    print("began " .. id)
    local got = calls[name](id, ctx)
    if got ~= id then error("got " .. tostring(got) .. ", want " .. id) end
    if not shared.released[id] then error("nobody ran while it waited") end
    return got
  end
end

return { calls = calls, waiter = waiter }
