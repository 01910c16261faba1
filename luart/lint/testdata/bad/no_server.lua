local function get() return "x" end
return get --> no-server
