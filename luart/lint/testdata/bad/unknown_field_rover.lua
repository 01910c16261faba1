local api = rover.server {}
local json = rover.json
function api.get() return json.encod { now = rover.tiem.now() } --> unknown-field unknown-field
end
function api.sleep.get() rover.slep(1) end --> unknown-field
function api.words.get() return string.trim(" x ") .. table.join({}, ",") end --> unknown-field unknown-field
return api
