local api = rover.server {}
local json = rover.json
function api.get() return json.encod { now = rover.tiem.now() } --> unknown-field unknown-field
end
function api.sleep.get() rover.slep(1) end --> unknown-field
function api.words.get() return string.trim(" x ") .. table.join({}, ",") end --> unknown-field unknown-field
local g = rover.guard
if rover.version == 0 then
  local number = g:int() --> unknown-field
  local text = g:required():string() --> unknown-field
  print(number, text, g({}, g:object {}))
end
return api
