-- methods of strings, additions to libraries, names of libraries that are local
local api = rover.server {}
function string.trim(s) return (s:gsub("^%s+", ""):gsub("%s+$", "")) end
local table, math = table, { half = function(x) return x / 2 end }
local json = { pretty = rover.json.encode }
local rover = { config = rover.config, crypto = rover.crypto, answer = 42 }
function api.get()
  return { ("  x "):trim(), string.trim(" y "), #"abc", table.concat({ 1 }), math.half(2), rover.answer, json.pretty {} }
end
function api.set.get() return rover.config.anything or "nothing" end
return api
