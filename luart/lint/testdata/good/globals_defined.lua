-- globals of the script and of its modules; what is asked for whether it is there
local api = rover.server {}
require "lib.globals"
counter = 0
function helper() return shared_helper() end
function api.get()
  counter = counter + 1
  if jit then return jit.version end
  local unpack = table.unpack or unpack
  local bits = bit32 or require "lib.globals"
  if type(ngx) == "table" then return ngx.var end
  if string.trim then return string.trim(" x ") end
  if ngx_phase ~= nil then return ngx_phase end
  return { helper(), unpack { 1 }, later, bits, module_constant }
end
function api.later.post() later = "now" end -- rover: ignore global-write
local function varargs(...) return arg, ... end
function api.varargs.get() return select("#", varargs(1)) end
return api
