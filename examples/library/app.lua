-- Who comes from the office gets in; the list is a file, and rover.netlist a library that is a
-- Caddy module of this folder.
local api = rover.server {}

function api.before.office(ctx)
  if not rover.netlist.find("office", ctx.client_ip) then
    return api:error(403, "for the office only")
  end
end

function api.hits.get()
  return { office = rover.netlist.hits("office") }
end

-- After the file has changed: other requests go on while it is read.
function api.refresh.post()
  local prefixes, why = rover.netlist.refresh("office")
  if not prefixes then return api:error(500, why) end
  return { prefixes = prefixes }
end

function api.whose.get(ctx)
  return rover.netlist.find("office", ctx:query().address or "") or "nobody's"
end

return api
