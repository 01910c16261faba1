local get, post = rover.test.get, rover.test.post

test("a counter loses no update", function()
  local many = {}
  for n = 1, 100 do many[n] = function() return post "/count/apples" end end
  rover.parallel(many)
  expect(rover.test.state "counters"):equals { apples = 100 }
end)

test("slow work is kept for a minute", function()
  expect(get("/slow/x").headers["X-Cache"]):is "miss"
  expect(get("/slow/x").headers["X-Cache"]):is "hit"
  rover.test.advance(60)
  expect(get("/slow/x").headers["X-Cache"]):is "miss"
end)

test("the leaderboard has the best first", function()
  for player, points in pairs { ann = 7, bob = 9, cid = 7 } do
    expect(post("/scores", { json = { player = player, points = points } }).status):is(201)
  end
  expect(get("/leaderboard?top=2"):json()):equals { { player = "bob", points = 9 }, { player = "ann", points = 7 } }
end)

test("a score must be a better one, and one at all", function()
  post("/scores", { json = { player = "ann", points = 7 } })
  local worse = post("/scores", { json = { player = "ann", points = 6 } })
  expect(worse.status):is(409)
  expect(worse:json().error):is "ann has 7 points already"
  expect(post("/scores", { body = "nonsense" }).status):is(400)
end)
