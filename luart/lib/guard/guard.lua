---@meta rover.guard

---What a script expects of data, said by validators. `rover.guard(data, schema)` returns a new table that is as the schema says, or
---raises a 400 that lists all faults. Members that the schema does not name are left out. See [validation](../validation.md).
---
---Errors: data that is no table; what is no schema; those of functions of `:check`. Data that is not as expected: `.status` is 400,
---`.message` the first fault, `.errors` a list of `{ field, message, type }`; nobody who catches it: 400 with `{"errors":[…]}`.
---
---```lua
---local g = rover.guard
---local user = g:object {
---  name = g:string():required("Who are you?"):max(100),
---  email = g:string():required():email(),
---  age = g:integer():min(18),
---  role = g:string():enum({ "user", "editor" }):default("user"),
---}
---function api.user.post(ctx)
---  return rover.guard(ctx:body():json(), user)
---end
----- POST /user {"name":"Ann","email":"ann@example.com","admin":true} => 200 {"email":"ann@example.com","name":"Ann","role":"user"}
----- POST /user {"email":"ann@example.com","role":"root"} => 400 {"errors":[{"field":"name","message":"Who are you?","type":"required"},{"field":"role","message":"Must be one of: user, editor. Got: 'root'","type":"enum"}]}
---```
---@class rover.Guard
---@overload fun(data: table, schema: rover.Schema): table
rover.guard = {}

---A validator of a text.
---
---Example: see `rover.guard`.
---@return rover.Validator
function rover.guard:string() end

---A validator of a number: a finite one.
---
---```lua
---function api.ratio.post(ctx)
---  return ctx:body():expect { ratio = rover.guard:number():required():min(0):max(1) }
---end
----- POST /ratio {"ratio":0.5} => 200 {"ratio":0.5}
----- POST /ratio {"ratio":2} => 400 {"errors":[{"field":"ratio","message":"Must be at most 1, got 2","type":"max"}]}
---```
---@return rover.Validator
function rover.guard:number() end

---A validator of a whole number within ±(2^53 - 1): 3.0 is one.
---
---Example: see `rover.guard`.
---@return rover.Validator
function rover.guard:integer() end

---A validator of true or false.
---
---```lua
---function api.flag.post(ctx)
---  return ctx:body():expect { on = rover.guard:boolean():default(false) }
---end
----- POST /flag {} => 200 {"on":false}
----- POST /flag {"on":1} => 400 {"errors":[{"field":"on","message":"Must be a boolean, got number","type":"type"}]}
---```
---@return rover.Validator
function rover.guard:boolean() end

---A validator of an array. An item that is null is a fault, unless its validator is `:nullable()` or has a default.
---
---```lua
---local g = rover.guard
---function api.tags.post(ctx)
---  return ctx:body():expect { tags = g:array(g:string():match(rover.re.compile("^[a-z]+$"))):required():min(1):max(3) }
---end
----- POST /tags {"tags":["a","b"]} => 200 {"tags":["a","b"]}
----- POST /tags {"tags":["A",null]} => 400 {"errors":[{"field":"tags[1]","message":"Must match ^[a-z]+$","type":"match"},{"field":"tags[2]","message":"Field 'tags[2]' is required","type":"required"}]}
---```
---@param element? rover.Schema Of each item; left out: anything.
---@return rover.Validator
function rover.guard:array(element) end

---A validator of an object.
---
---Example: see `rover.guard`.
---@param schema? table<string, rover.Schema> Of its members; left out: it may have any, and all stay.
---@return rover.Validator
function rover.guard:object(schema) end

---Calls a function and returns what it does. A text that it raises goes on without the place where that was, so that it can be
---shown to people; anything else goes on as it is.
---
---```lua
---function api.add.post(ctx)
---  local ok, why = pcall(rover.guard.validate, function()
---    local order = ctx:body():expect { count = "integer" }
---    if order.count > 10 then error("ten at most") end
---  end)
---  return api:error(400, why)
---end
----- POST /add {"count":11} => 400 {"error":"ten at most"}
----- POST /add {} => 400 {"errors":[{"field":"count","message":"Field 'count' is required","type":"required"}]}
---```
---@param f fun(): ...
---@return ...
function rover.guard.validate(f) end

---A guard whose validators have more methods. A method gets the validator, and returns it.
---
---Errors: a method that all validators have.
---
---```lua
---local g = rover.guard:extend { slug = function(self) return self:match(rover.re.compile("^[a-z0-9-]+$")):max(50) end }
---function api.page.post(ctx)
---  return ctx:body():expect { slug = g:string():required():slug() }
---end
----- POST /page {"slug":"a-b"} => 200 {"slug":"a-b"}
----- POST /page {"slug":"a/b"} => 400 {"errors":[{"field":"slug","message":"Must match ^[a-z0-9-]+$","type":"match"}]}
---```
---@param methods table<string, fun(self: rover.Validator, ...): rover.Validator>
---@return rover.Guard
function rover.guard:extend(methods) end

---What `rover.guard:string()` and its like return. Each method changes it and returns it. What it was when it was put into a schema
---stays there.
---@class rover.Validator
local Validator = {}

---The value must be there, and not be null. Without it a missing value is nothing, or the default.
---
---Example: see `rover.guard`.
---@param message? string In place of "Field 'name' is required".
---@return rover.Validator
function Validator:required(message) end

---The value where there is none. Each result gets a copy. With `:required()` it is not used; the log says so.
---
---Errors: a value that is not as the validator says.
---
---Example: see `rover.guard`.
---@param value any
---@return rover.Validator
function Validator:default(value) end

---The value is one of a list. Not for arrays and objects.
---
---Example: see `rover.guard`.
---@param values (string|number|boolean)[]
---@return rover.Validator
function Validator:enum(values) end

---null is a value, and stays in the result as `rover.json.null`.
---
---```lua
---function api.move.post(ctx)
---  return ctx:body():expect { to = rover.guard:string():required():nullable() }
---end
----- POST /move {"to":null} => 200 {"to":null}
----- POST /move {} => 400 {"errors":[{"field":"to","message":"Field 'to' is required","type":"required"}]}
---```
---@return rover.Validator
function Validator:nullable() end

---The least number; of a text, of characters; of an array, of items.
---
---Example: see `rover.guard`.
---@param n number
---@return rover.Validator
function Validator:min(n) end

---The largest number; of a text, of characters; of an array, of items.
---
---Example: see `rover.guard`.
---@param n number
---@return rover.Validator
function Validator:max(n) end

---So many characters of a text, or items of an array.
---
---```lua
---function api.country.post(ctx)
---  return ctx:body():expect { code = rover.guard:string():required():len(2) }
---end
----- POST /country {"code":"DE"} => 200 {"code":"DE"}
----- POST /country {"code":"D"} => 400 {"errors":[{"field":"code","message":"Must have exactly 2 characters, got 1","type":"len"}]}
---```
---@param n integer
---@return rover.Validator
function Validator:len(n) end

---A text that has a match of a regular expression. It may stand anywhere in the text: begin with `^` and end with `$` for all of it.
---
---Example: see `rover.guard:array`.
---@param expression rover.Expression
---@return rover.Validator
function Validator:match(expression) end

---A text that is an email address: without a name, quotes or comments, in ASCII, of 254 bytes at most.
---
---Example: see `rover.guard`.
---@return rover.Validator
function Validator:email() end

---A text that is a UUID, as 6ba7b810-9dad-11d1-80b4-00c04fd430c8.
---
---```lua
---function api.job.post(ctx)
---  return ctx:body():expect { id = rover.guard:string():required():uuid() }
---end
----- POST /job {"id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"} => 200 {"id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}
----- POST /job {"id":"{6ba7b810-9dad-11d1-80b4-00c04fd430c8}"} => 400 {"errors":[{"field":"id","message":"Must be a UUID","type":"uuid"}]}
---```
---@return rover.Validator
function Validator:uuid() end

---A text that is an absolute URL of http or https, without a user, in ASCII, of 2048 bytes at most. It says nothing about where that
---leads: see [calling other services](../http.md) for that.
---
---```lua
---function api.hook.post(ctx)
---  return ctx:body():expect { url = rover.guard:string():required():url() }
---end
----- POST /hook {"url":"https://example.com/hook"} => 200 {"url":"https://example.com/hook"}
----- POST /hook {"url":"javascript:alert(1)"} => 400 {"errors":[{"field":"url","message":"Must be an http or https URL","type":"url"}]}
---```
---@return rover.Validator
function Validator:url() end

---A function that looks at the value, when nothing else is wrong with it: it returns nil, or what is wrong. It may wait. The rule
---`expect` of a place cannot have one: that is decided without Lua.
---
---Errors: another result than nil or a text.
---
---```lua
---local even = rover.guard:integer():required():check(function(n)
---  if n % 2 == 1 then return "Must be even" end
---end)
---function api.even.post(ctx)
---  return ctx:body():expect { n = even }
---end
----- POST /even {"n":2} => 200 {"n":2}
----- POST /even {"n":3} => 400 {"errors":[{"field":"n","message":"Must be even","type":"check"}]}
---```
---@param f fun(value: any): string?
---@return rover.Validator
function Validator:check(f) end
