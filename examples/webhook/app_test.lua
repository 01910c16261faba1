local key = rover.base64.decode "cm92ZXItZXhhbXBsZS1rZXk="
local taken

before_each(function()
  taken = {}
  rover.test.upstream("127.0.0.1:8081", function(req) table.insert(taken, req.body) return "ok" end)
end)

-- While the sender changes its secret, a header has a signature by each.
local function sign(signed)
  return "v1," .. rover.crypto.hmac("sha256", "another secret", signed, "base64") .. " v1," .. rover.crypto.hmac("sha256", key, signed, "base64")
end

-- send sends a webhook as its sender would; changed says what is wrong with it.
local function send(id, changed)
  local hook = { id = id, time = math.floor(rover.time.now()), body = '{"event":"paid",  "order":7}' }
  local signed = hook.id .. "." .. (changed.time or hook.time) .. "." .. hook.body
  return rover.test.post("/hooks/shop", {
    body = changed.body or hook.body,
    headers = {
      ["Webhook-Id"] = id,
      ["Webhook-Timestamp"] = changed.time or hook.time,
      ["Webhook-Signature"] = sign(signed),
    },
  }).status
end

test("what is genuine goes on as it came, once", function()
  expect(send("msg_1", {})):is(200)
  expect(send("msg_1", {})):is(409)
  expect(taken):equals { '{"event":"paid",  "order":7}' }
end)

test("what is not, does not", function()
  expect(send("msg_1", { body = '{"event":"paid", "order":7}' })):is(401)
  expect(send("msg_1", { time = math.floor(rover.time.now()) - 301 })):is(401)
  expect(send("msg_1", { time = math.floor(rover.time.now()) + 301 })):is(401)
  expect(rover.test.post("/hooks/shop", { body = "{}" }).status):is(401)
  expect(taken):equals {}
end)

test("an id is remembered for as long as its time would be accepted", function()
  local time = math.floor(rover.time.now()) + 300
  expect(send("msg_1", { time = time })):is(200)
  rover.test.advance(599)
  expect(send("msg_1", { time = time })):is(409)
end)

test("what the backend does not take may come again", function()
  rover.test.upstream("127.0.0.1:8081", 503)
  expect(send("msg_1", {})):is(503)
  rover.test.upstream("127.0.0.1:8081", "ok")
  expect(send("msg_1", {})):is(200)
end)
