---@meta rover_test

-- What test files (*_test.lua, run by "caddy rover test") see beside rover. See rover.lua.

---@class rover.TestFunction
---@overload fun(name: string, fn: fun())
test = {}

---A test that is not run.
---@param name string
---@param fn? fun()
function test.skip(name, fn) end

---A test that alone is run, with others of its kind.
---@param name string
---@param fn fun()
function test.only(name, fn) end

---Runs fn before each test of the file.
---@param fn fun()
function before_each(fn) end

---Says what is expected of a value, by the methods of what it returns. An expectation that is not
---met raises an error, which fails the test.
---
---    for _, path in ipairs { "/", "/about" } do
---      expect(rover.test.get(path).status, path):is(200)
---    end
---@param value any
---@param about? any Stands before the message of an expectation that is not met
---@return rover.Expectation
function expect(value, about) end

---@class rover.Expectation
local Expectation = {}

---Equal by ==.
---@param want any
---@return rover.Expectation
function Expectation:is(want) end

---@param other any
---@return rover.Expectation
function Expectation:is_not(other) end

---Equal, tables by what is in them.
---@param want any
---@return rover.Expectation
function Expectation:equals(want) end

---A string that matches a Lua pattern.
---@param pattern string
---@return rover.Expectation
function Expectation:matches(pattern) end

---A string with this part, or a list with this item.
---@param part any
---@return rover.Expectation
function Expectation:contains(part) end

---A function that raises an error, whose message matches a Lua pattern.
---@param pattern? string
---@return rover.Expectation
function Expectation:raises(pattern) end

rover.test = {}

---@class rover.TestRequest
---@field method? string Of rover.test.request
---@field path? string Of rover.test.request
---@field query? table<string, string|number|boolean>
---@field headers? table<string, string|string[]>
---@field body? string
---@field json? any Sent as JSON
---@field form? table<string, any> Sent URL-encoded
---@field host? string
---@field scheme? "http"|"https"
---@field client_ip? string

---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.get(path, options) end

---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.post(path, options) end

---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.put(path, options) end

---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.patch(path, options) end

---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.delete(path, options) end

---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.head(path, options) end

---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.options(path, options) end

---@param options rover.TestRequest
---@return rover.TestResponse
function rover.test.request(options) end

---Names the script that the file tests, before its tests.
---@param path string Relative to the file
---@param options? { config?: table<string, string|number|boolean>, env?: table<string, string|number|boolean>, unmatched?: "pass"|"respond", allow?: string[] }
function rover.test.script(path, options) end

---Answers for an upstream: a string is a body, a number a status, a table JSON, or { status, headers, body, json, error }.
---@param name string Address or host; * stands for anything
---@param answer string|number|table|fun(request: table): (string|number|table|nil, string?)
function rover.test.upstream(name, answer) end

---Moves the clock, which stands still otherwise.
---@param seconds number
function rover.test.advance(seconds) end

---What the script has logged in this test.
---@return { level: string, message: string, fields: table }[]
function rover.test.logs() end

---A rover.state table of the script.
---@param name string
---@return table?
function rover.test.state(name) end

---@class rover.TestResponse
---@field status integer
---@field headers table<string, string> First values; found in any case
---@field body string
---@field error string? Why Caddy would have answered with an error
---@field upstream string? Where the request went last
local TestResponse = {}

---@return any
function TestResponse:json() end

---@param name string
---@return string?
function TestResponse:header(name) end

---@param name string
---@return string[]
function TestResponse:all(name) end

---The events of an event stream.
---@return { event?: string, data: string, id?: string }[]
function TestResponse:events() end
