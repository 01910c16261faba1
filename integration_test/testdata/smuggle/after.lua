-- A hook reads the whole answer.
local api = rover.server {}
function api.after.read(ctx, res) res:set_header("X-Length", tostring(#res:body():text())) end
return api
