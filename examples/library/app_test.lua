test("the office gets in, others do not", function()
  expect(rover.test.get("/hits", { client_ip = "192.0.2.9" }).status):is(200)
  local res = rover.test.get("/hits", { client_ip = "198.51.100.1" })
  expect(res.status):is(403)
  expect(res:json()):equals { error = "for the office only" }
end)

test("the prefix that an address is in is told", function()
  expect(rover.test.get("/whose?address=192.0.2.200", { client_ip = "::1" }).body):is "192.0.2.0/24"
  expect(rover.test.get("/whose?address=8.8.8.8", { client_ip = "::1" }).body):is "nobody's"
end)
