-- GET /json => 200 {"page":"<p>&lt;</p>","list":["<p>&lt;</p>"]}
-- GET /length => 200 11
-- GET /methods => 200 <P>&LT;</P>|true|4|nil
-- GET /concat => 200 <p>&lt;</p>&amp;
local api = rover.server {}
local function page() return rover.html { text = "<" } [[<p>{{ text }}</p>]] end
api:at("/json").get = function() return { page = page(), list = { page() } } end
function api.length.get() return #page() end
function api.methods.get()
  local html = page()
  return html:upper() .. "|" .. tostring(html:find("&lt;", 1, true) == 4) .. "|" .. html:find "&" .. "|" .. tostring(html.missing)
end
function api.concat.get() return page() .. "&" end
return api
