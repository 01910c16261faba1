---@meta rover.body

---@class rover.RequestBody
local RequestBody = {}

---@return string
function RequestBody:text() end

---The same as text.
---@return string
function RequestBody:bytes() end

---@return integer
function RequestBody:len() end

---The body decoded; what is no JSON raises a 400.
---@return any
function RequestBody:json() end

---The fields of a form, urlencoded or multipart. Another content type raises a 415.
---@return rover.Values
function RequestBody:form() end

---@return rover.Parts
function RequestBody:multipart() end

---The first file of a multipart form with this name.
---@param name string
---@return rover.Part?
function RequestBody:file(name) end

---@param name string
---@return rover.Part[]
function RequestBody:files(name) end

---The JSON body, if it is as the schema says, else a 400 that names the first place where it is not.
---@param schema rover.Schema
---@return any
function RequestBody:expect(schema) end

---"string", "number", "integer", "boolean", "object", "array", "table", "any", each with "?" if it may be missing;
---{ name = schema } for an object, { schema } for an array.
---@alias rover.Schema string|table

---@class rover.Parts
---@field [integer] rover.Part
local Parts = {}

---@return rover.Values
function Parts:form() end

---@param name string
---@return rover.Part?
function Parts:file(name) end

---@param name string
---@return rover.Part[]
function Parts:files(name) end

---A part of a multipart body.
---@class rover.Part
---@field name string
---@field filename string? nil for a field that is no file; never a path
---@field content_type string?
---@field headers rover.Values
---@field size integer Bytes
local Part = {}

---The bytes; more than max_body raise a 413.
---@return string
function Part:text() end

---@param size? integer Bytes, default 64 KiB
---@return fun(): string?
function Part:chunks(size) end
