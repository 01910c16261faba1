---@meta rover.re

---Regular expressions (RE2). Strings are expressions, too.
rover.re = {}

---The groups of the first match, the match itself without groups.
---@param s string
---@param re string|rover.Expression
---@param init? integer
---@return string? ...
function rover.re.match(s, re, init) end

---@param s string
---@param re string|rover.Expression
---@param init? integer
---@return integer? first
---@return integer? last
---@return string? ... groups
function rover.re.find(s, re, init) end

---The named groups, (?P<name>…), of the first match.
---@param s string
---@param re string|rover.Expression
---@param init? integer
---@return table<string, string>?
function rover.re.named(s, re, init) end

---@param s string
---@param re string|rover.Expression
---@return fun(): string|false ...
function rover.re.gmatch(s, re) end

---@param s string
---@param re string|rover.Expression
---@param repl string|table|fun(...: string?): (string|false|nil)
---@param n? integer
---@return string
---@return integer count
function rover.re.gsub(s, re, repl, n) end

---@param s string
---@param re string|rover.Expression
---@param n? integer
---@return string[]
function rover.re.split(s, re, n) end

---An expression that matches s.
---@param s string
---@return string
function rover.re.quote(s) end

---@param re string
---@return rover.Expression
function rover.re.compile(re) end

---@class rover.Expression
local Expression = {}

---@param s string
---@param init? integer
---@return string? ...
function Expression:match(s, init) end

---@param s string
---@param init? integer
---@return integer? first
---@return integer? last
---@return string? ... groups
function Expression:find(s, init) end

---@param s string
---@param init? integer
---@return table<string, string>?
function Expression:named(s, init) end

---@param s string
---@return fun(): string|false ...
function Expression:gmatch(s) end

---@param s string
---@param repl string|table|fun(...: string?): (string|false|nil)
---@param n? integer
---@return string
---@return integer count
function Expression:gsub(s, repl, n) end

---@param s string
---@param n? integer
---@return string[]
function Expression:split(s, n) end
