test("a report is worked out once", function()
  local first = rover.test.get "/reports/sales"
  expect(first:json()):equals { name = "sales", worked_out = 1 }
  expect(rover.test.get("/reports/sales"):json()):equals { name = "sales", worked_out = 1 }
  expect(rover.test.get("/reports/stock"):json().worked_out):is(2)
end)

test("a client has ten reports an hour", function()
  for _ = 1, 10 do expect(rover.test.get("/reports/sales").status):is(200) end
  expect(rover.test.get("/reports/sales").status):is(429)
end)

test("who has not logged in has no visits", function()
  expect(rover.test.get("/me").status):is(401)
end)
