---@meta rover.ip

---IP addresses, and sets of networks. See [addresses](../addresses.md).
rover.ip = {}

---Reads an address strictly, and returns its one form, as which it can be compared and be a key. An IPv4 address in IPv6 is the
---IPv4 address. A port, brackets, a zone, zeros in front and short forms are refused.
---
---```lua
---function api.ip.get(ctx)
---  local address, version = rover.ip.parse(ctx:query().a)
---  if not address then return api:error(400, version) end
---  return address .. " " .. version
---end
----- GET /ip?a=2001:DB8::0:1 => 200 2001:db8::1 6
----- GET /ip?a=::ffff:10.0.0.1 => 200 10.0.0.1 4
----- GET /ip?a=010.0.0.1 => 400 {"error":"\"010.0.0.1\" is no IP address"}
---```
---@param text string
---@return string? address nil where the text is none
---@return integer|string version 4 or 6; or why it is none
function rover.ip.parse(text) end

---The network that an address is in, as a key for limits: by default the address itself for IPv4, and the /64 for IPv6, which one
---user has as a rule.
---
---Errors: text that is no address (400); bits that there are not.
---
---```lua
---function api.ip.get(ctx)
---  local a = ctx:query().a
---  return rover.ip.network(a) .. " " .. rover.ip.network(a, 24, 48)
---end
----- GET /ip?a=198.51.100.7 => 200 198.51.100.7/32 198.51.100.0/24
----- GET /ip?a=2001:db8:1:2:3::4 => 200 2001:db8:1:2::/64 2001:db8:1::/48
---```
---@param ip string
---@param bits4? integer 0 to 32, default 32
---@param bits6? integer 0 to 128, default 64
---@return string
function rover.ip.network(ip, bits4, bits6) end

---A set of networks and addresses, up to 100,000. Make it once, while the script loads.
---
---Errors: what is no network, or has bits beyond its length, as 10.0.0.1/8.
---
---```lua
---local office = rover.ip.set { "198.51.100.0/24", "2001:db8:1::/48", "203.0.113.7" }
---function api.office.get(ctx) return tostring(office:contains(ctx:query().a)) .. " " .. office:len() end
----- GET /office?a=198.51.100.9 => 200 true 3
----- GET /office?a=::ffff:203.0.113.7 => 200 true 3
----- GET /office?a=203.0.113.8 => 200 false 3
---```
---@param networks string[]
---@return rover.AddressSet
function rover.ip.set(networks) end

---A set of networks.
---@class rover.AddressSet
local Set = {}

---Whether an address is in one of the networks.
---
---Errors: text that is no address (400).
---
---Example: see `rover.ip.set`.
---@param ip string
---@return boolean
function Set:contains(ip) end

---How many different networks there are.
---
---Example: see `rover.ip.set`.
---@return integer
function Set:len() end

---Whether an address is for use inside of networks only: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7.
---
---Errors: text that is no address (400).
---
---```lua
---function api.ip.get(ctx)
---  local a = ctx:query().a
---  return { private = rover.ip.is_private(a), global = rover.ip.is_global(a), loopback = rover.ip.is_loopback(a) }
---end
----- GET /ip?a=192.168.1.1 => 200 {"private":true,"global":false,"loopback":false}
----- GET /ip?a=::ffff:127.0.0.1 => 200 {"private":false,"global":false,"loopback":true}
----- GET /ip?a=1.1.1.1 => 200 {"private":false,"global":true,"loopback":false}
----- GET /ip?a=127.1 => 400 {"error":"\"127.1\" is no IP address"}
---```
---@param ip string
---@return boolean
function rover.ip.is_private(ip) end

---Whether an address is the machine itself: 127.0.0.0/8, ::1.
---
---Errors: text that is no address (400).
---
---Example: see `rover.ip.is_private`.
---@param ip string
---@return boolean
function rover.ip.is_loopback(ip) end

---Whether an address is of the link alone: 169.254.0.0/16, fe80::/10, and multicast of the link.
---
---Errors: text that is no address (400).
---
---```lua
---function api.ip.get(ctx)
---  local a = ctx:query().a
---  return { link_local = rover.ip.is_link_local(a), multicast = rover.ip.is_multicast(a) }
---end
----- GET /ip?a=169.254.169.254 => 200 {"link_local":true,"multicast":false}
----- GET /ip?a=ff02::1 => 200 {"link_local":true,"multicast":true}
---```
---@param ip string
---@return boolean
function rover.ip.is_link_local(ip) end

---Whether an address is one of multicast: 224.0.0.0/4, ff00::/8.
---
---Errors: text that is no address (400).
---
---Example: see `rover.ip.is_link_local`.
---@param ip string
---@return boolean
function rover.ip.is_multicast(ip) end

---Whether an address is one of a machine on the internet: none that is private, special or for examples, and none that stands for such
---an IPv4 address, as NAT64 and 6to4 have it.
---
---Errors: text that is no address (400).
---
---Example: see `rover.ip.is_private`.
---@param ip string
---@return boolean
function rover.ip.is_global(ip) end
