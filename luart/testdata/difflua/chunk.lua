-- Compiles a chunk, in lua5.1 and in Rover's VM alike, and runs it. Says what it returned, or the line of the error.

local list = (...)("%.14g")

local function said(ok, ...)
  if ok then return "returns " .. list(...) end
  local e = (...)
  return "fails in line " .. (type(e) == "string" and e:match("^e:(%d+):") or "?")
end

return function(source)
  local f, err = loadstring(source, "=e")
  if not f then return "refused in line " .. (err:match("^e:(%d+):") or "?") end
  local env = { type = type, select = select, string = string, unpack = unpack, pcall = pcall }
  env.f = function(...) return ... end
  return said(pcall(setfenv(f, env)))
end
