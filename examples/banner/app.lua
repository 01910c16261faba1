-- A banner on every page of a site that knows nothing of it: put in behind <body …> as the
-- page goes by, wherever it is cut into pieces.
local api = rover.server {}
local banner = rover.config.banner
local body_tag = rover.re.compile [[(?i)<body(\s[^>]*)?>]]

local function escaped(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

-- By path, not by Content-Type: a 304 has none, and its ETag must change as that of the page.
local function is_page(path) return path:find("/$") or path:find("%.html$") end

function api.after.banner(ctx, res)
  if not is_page(ctx.path) then return end
  local text = '${0}<p class="banner">' .. escaped(banner):gsub("%$", "$$$$") .. "</p>"
  res:replace(body_tag, text, { limit = 1, window = 4096 })
end

return api
