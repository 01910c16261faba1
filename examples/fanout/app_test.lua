local asked

before_each(function()
  asked = { stock = 0, price = 0, reviews = 0 }
  local function service(name, port, answer)
    rover.test.upstream("127.0.0.1:" .. port, function()
      asked[name] = asked[name] + 1
      rover.sleep(0.5)
      return { json = answer }
    end)
  end
  service("stock", 8081, { left = 5 })
  service("price", 8082, { euros = 42 })
  service("reviews", 8083, { "good" })
end)

local function product() return rover.test.get("/product/1"):json() end

test("three services are asked at once", function()
  local start = rover.time.now()
  expect(product()):equals { id = "1", stock = { left = 5 }, price = { euros = 42 }, reviews = { "good" } }
  expect(rover.time.now() - start):is(0.5)
end)

test("what a service does not give is named", function()
  rover.test.upstream("127.0.0.1:8081", 503)
  rover.test.upstream("127.0.0.1:8083", function() rover.sleep(2) return "late" end)
  expect(product()):equals { id = "1", price = { euros = 42 }, missing = { "reviews", "stock" } }
  expect(rover.test.logs()[1].fields.reviews):matches "^timeout: "
end)

test("a price is kept for 10 seconds, and an old one for a minute", function()
  product()
  rover.test.advance(9)
  product()
  expect(asked.price):is(1)
  rover.test.upstream("127.0.0.1:8082", function() return nil, "connection refused" end)
  rover.test.advance(30)
  expect(product().price):equals { euros = 42 }
  rover.test.advance(60)
  expect(product().missing):equals { "price" }
end)
