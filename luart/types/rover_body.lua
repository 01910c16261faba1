---@meta rover.body

-- Bodies of requests: text, JSON, forms, uploads.

---The body of a request, which ctx:body returns. All of it is there.
---
---Where: in a request. Once the request is over it raises.
---@class rover.RequestBody
local RequestBody = {}

---The bytes, as they came: a Content-Encoding is not undone.
---
---```lua
---function api.post(ctx)
---  local body = ctx:body()
---  return { body:text(), body:bytes(), body:len() }
---end
----- POST / hello => 200 ["hello","hello",5]
---```
---@return string
function RequestBody:text() end

---The same as text.
---
---Example: see `body:text`.
---@return string
function RequestBody:bytes() end

---The same as text. #body, tostring(body) and body .. s are of the text, too; as a JSON value a body is what it says where its
---Content-Type says that it is JSON, else its text.
---
---```lua
---function api.post(ctx) return { body = ctx:body(), size = #ctx:body(), text = "<" .. ctx:body() .. ">" } end
----- POST / [1.0] | Content-Type: application/json => 200 {"body":[1.0],"size":5,"text":"<[1.0]>"}
----- POST / hello | Content-Type: text/plain => 200 {"body":"hello","size":5,"text":"<hello>"}
---```
---@return string
function RequestBody:as_string() end

---The number of bytes.
---
---Example: see `body:text`.
---@return integer
function RequestBody:len() end

---The body decoded, as by rover.json.decode.
---
---Errors: what is no JSON raises a 400, and so do two Content-Types. A Content-Type that is not one of JSON raises a 415, and so
---do a charset that is not UTF-8 and a Content-Encoding; no Content-Type at all passes.
---
---```lua
---function api.post(ctx) return "hello " .. ctx:body():json().name end
----- POST / {"name":"ann"} | Content-Type: application/json => 200 hello ann
----- POST / {"name" | Content-Type: application/json => 400 {"error":"request body: invalid JSON at byte 8: expected ':', got end of input"}
---```
---@param options? rover.JsonOptions
---@return any
function RequestBody:json(options) end

---The same as json.
---
---Example: see `body:json`.
---@param options? rover.JsonOptions
---@return any
function RequestBody:raw(options) end

---The fields of a form, urlencoded or multipart.
---
---Errors: another content type raises a 415, and so do a charset that is not UTF-8 and a Content-Encoding. A form that cannot be
---read, or has two Content-Types, raises a 400.
---
---```lua
---function api.post(ctx) return ctx:body():form().name end
----- POST / name=ann+b | Content-Type: application/x-www-form-urlencoded => 200 ann b
---```
---@return rover.Values
function RequestBody:form() end

---The parts of a multipart body, as ctx:multipart returns them, of a body that is not longer than max_body.
---
---Errors: another content type, another charset than UTF-8 and a Content-Encoding raise a 415. A body that is malformed, or can be
---read in several ways, raises a 400.
---
---Example: see `body:file`.
---@return rover.Parts
function RequestBody:multipart() end

---The first file of a multipart form with this name; nil if there is none.
---
---Errors: those of body:multipart.
---
---```lua
---function api.post(ctx)
---  local file = ctx:body():file("avatar")
---  return { file.name, file.filename, file:text() }
---end
----- POST / --x\r\nContent-Disposition: form-data; name="avatar"; filename="a.png"\r\n\r\nPNG\r\n--x--\r\n | Content-Type: multipart/form-data; boundary=x => 200 ["avatar","a.png","PNG"]
---```
---@param name string
---@return rover.Part? file
function RequestBody:file(name) end

---All files of a multipart form with this name.
---
---Errors: those of body:multipart.
---
---Example: see `body:file`.
---@param name string
---@return rover.Part[]
function RequestBody:files(name) end

---The JSON body decoded, if it is as the schema says, without the members that the schema does not name.
---
---Errors: a body that is not as the schema says raises a 400 that lists all faults: .errors of the error table is a list of
---{ field, message, type }. Those of body:json. A schema that is none. See [validation](../validation.md).
---
---```lua
---function api.post(ctx)
---  local order = ctx:body():expect { item = "string", count = "integer", tags = { "string" }, note = "string?", }
---  return order.count .. " of " .. order.item
---end
----- POST / {"item":"cup","count":2,"tags":[]} => 200 2 of cup
----- POST / {"item":"cup","count":"2","tags":[]} => 400 {"errors":[{"field":"count","message":"Must be an integer, got string","type":"type"}]}
---```
---@param schema rover.Schema
---@param options? rover.ExpectOptions
---@return any
function RequestBody:expect(schema, options) end

---What becomes of members that a schema does not name.
---@class rover.ExpectOptions: rover.JsonOptions
---@field extra? "strip"|"keep"|"error" They are not in the result, in it unchecked, or faults. Default "strip"

---"string", "number", "integer", "boolean", "object", "array", "table", "any", each with "?" if it may be missing;
---{ name = schema } for an object, { schema } for an array, { ["name?"] = schema } for a field that may be missing; a validator of
---rover.guard; { type = "string", required = true, … }, which describes one. See [validation](../validation.md).
---@alias rover.Schema string|table|rover.Validator

---The parts of a multipart body, in order.
---
---Where: in a request.
---@class rover.Parts
---@field [integer] rover.Part
---@field fields rover.Values The same as form()
local Parts = {}

---The fields that are no files.
---
---Errors: more than max_body bytes in all of them raise a 413.
---
---Waits: where the body is in a file.
---
---```lua
---function api.post(ctx)
---  local parts = ctx:multipart()
---  return { #parts, parts:form().title, parts:file("doc"):text(), #parts:files("doc") }
---end
----- POST / --x\r\nContent-Disposition: form-data; name="title"\r\n\r\nhi\r\n--x\r\nContent-Disposition: form-data; name="doc"; filename="d.txt"\r\n\r\ntext\r\n--x--\r\n | Content-Type: multipart/form-data; boundary=x => 200 [2,"hi","text",1]
---```
---@return rover.Values
function Parts:form() end

---The first file of a name; nil if there is none. file is a table as well: parts.file.doc is parts:file("doc").
---
---Example: see `parts:form`.
---@param name string
---@return rover.Part? file
function Parts:file(name) end

---All files of a name. files is a table as well: parts.files.doc[1] is the first file of a name, and parts.files.doc is nil where
---there is none.
---
---```lua
---function api.post(ctx)
---  local parts = ctx:multipart()
---  local doc = parts.files.doc[1]
---  return { parts.fields.title, doc.filename, doc.type, doc.data }
---end
----- POST / --x\r\nContent-Disposition: form-data; name="title"\r\n\r\nhi\r\n--x\r\nContent-Disposition: form-data; name="doc"; filename="d.txt"\r\nContent-Type: text/plain\r\n\r\ntext\r\n--x--\r\n | Content-Type: multipart/form-data; boundary=x => 200 ["hi","d.txt","text/plain","text"]
---```
---@param name string
---@return rover.Part[]
function Parts:files(name) end

---A part of a multipart body.
---
---Where: in a request.
---@class rover.Part
---@field name string Of the field
---@field filename string? nil for a field that is no file; never a path
---@field content_type string? nil if the client has named none
---@field type string? The same as content_type
---@field data string The same as text(), read when it is asked for
---@field headers rover.Values
---@field size integer Bytes
local Part = {}

---The bytes.
---
---Errors: more than max_body raise a 413.
---
---Waits: where the body is in a file.
---
---Example: see `part:chunks`.
---@return string
function Part:text() end

---The bytes in pieces.
---
---Waits: where the body is in a file, in each call of the iterator.
---
---```lua
---function api.post(ctx)
---  local pieces = {}
---  for piece in ctx:multipart():file("doc"):chunks(4) do pieces[#pieces + 1] = piece end
---  return { ctx:multipart():file("doc"):text(), pieces }
---end
----- POST / --x\r\nContent-Disposition: form-data; name="doc"; filename="d.txt"\r\n\r\nabcdef\r\n--x--\r\n | Content-Type: multipart/form-data; boundary=x => 200 ["abcdef",["abcd","ef"]]
---```
---@param size? integer Bytes of a piece, up to 16 MiB, default 64 KiB
---@return fun(): string?
function Part:chunks(size) end
