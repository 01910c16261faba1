local api = rover.server {}
function api.post(ctx)
  local b, i, parts = ctx:body():bytes(), 2, { 1 }
  if b[1] == 0x1f then return "gzip" end --> byte-index
  if ctx:body():text()[i] then return parts[i] end --> byte-index
  return b:byte(1)
end
return api
