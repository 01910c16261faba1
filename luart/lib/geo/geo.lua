---@meta rover.geo

---What databases of MaxMind's format (`.mmdb`) know of IP addresses: countries, cities, networks. The option
---[geo](../directive.md) names the files. See [addresses](../addresses.md#countries).
rover.geo = {}

---The country that an address is in, as its code of ISO 3166: `"DE"`. nil: that is not known, as of private addresses.
---
---Errors: text that is no address (400); there is no database; a damaged one.
---
---```lua
---function api.country.get(ctx) return rover.geo.country(ctx:query().a) or "unknown" end
----- GET /country?a=198.51.100.7 => 200 DE
----- GET /country?a=2001:db8:1::7 => 200 FR
----- GET /country?a=10.0.0.1 => 200 unknown
----- GET /country?a=198.51.100 => 400 {"error":"\"198.51.100\" is no IP address"}
---```
---@param ip string
---@return string?
function rover.geo.country(ip) end

---What the databases know of an address, or what is at a path of it. The first database that has the path is asked; without a
---path they are all, and what several have at the top, the first one says. nil: there is nothing.
---Whole numbers with more than 15 digits are strings.
---
---Errors: text that is no address (400); there is no database; a damaged one; more than 32 levels.
---
---```lua
---function api.place.get(ctx)
---  local city = rover.geo.lookup(ctx:query().a, "city", "names", "en")
---  local region = rover.geo.lookup(ctx:query().a, "subdivisions", 1, "iso_code")
---  return (city or "?") .. ", " .. (region or "?")
---end
----- GET /place?a=198.51.100.7 => 200 Berlin, BE
----- GET /place?a=203.0.113.1 => 200 ?, ?
---```
---@param ip string
---@param ... string|integer names, and places in lists, from 1 on, or from -1 back
---@return any
function rover.geo.lookup(ip, ...) end
