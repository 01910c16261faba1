---@meta rover.re

---Regular expressions (RE2), whose time grows with the subject only. An expression is a string, or what compile returned;
---constant ones are compiled once either way. It has at most 4 KiB and 100 groups. A group without a part in the match is nil.
---Positions are bytes. With init, `^` and `\b` still look at all of s.
rover.re = {}

---The groups of the first match; the match itself where the expression has none; nil.
---
---Errors: an expression that is malformed or too large.
---
---```lua
---rover.re.match("HTTP/1.1", [[^HTTP/(\d)\.(\d)$]]) --> "1", "1"
---rover.re.match("no digits", [[\d+]]) --> nil
---```
---@param s string
---@param re string|rover.Expression
---@param init? integer Where to begin, default 1; negative: from the end
---@return string? ...
function rover.re.match(s, re, init) end

---Where the first match begins and ends, and its groups; nil.
---
---Errors: as rover.re.match.
---
---```lua
---rover.re.find("id=42;", [[id=(\d+)]]) --> 1, 5, "42"
---```
---@param s string
---@param re string|rover.Expression
---@param init? integer Where to begin, default 1; negative: from the end
---@return integer? first
---@return integer? last
---@return string? ... groups
function rover.re.find(s, re, init) end

---The named groups, (?P<name>…), of the first match; nil.
---
---Errors: as rover.re.match.
---
---```lua
---rover.re.named("2024-05-17", [[(?P<year>\d{4})-(?P<month>\d\d)]]) --> { month = "05", year = "2024" }
---```
---@param s string
---@param re string|rover.Expression
---@param init? integer Where to begin, default 1; negative: from the end
---@return table<string, string>? groups
function rover.re.named(s, re, init) end

---An iterator over what match would return for each match. A group without a part is false here, as nil would end the loop.
---
---Errors: as rover.re.match.
---
---```lua
---local t = {}
---for k, v in rover.re.gmatch("a=1; b=2", [[(\w+)=(\w*)]]) do t[k] = v end
---t --> { a = "1", b = "2" }
---```
---@param s string
---@param re string|rover.Expression
---@return fun(): string|false ...
function rover.re.gmatch(s, re) end

---Replaces matches. In a string $1, ${1} and ${name} are groups, $0 is the match, $$ a dollar sign; $1x is the group "1x". A table
---is asked for the first group, a function is called with the groups; false and nil keep the match.
---
---Errors: as rover.re.match; a group that the expression does not have; a replacement of another type; a result of more than
---16 MiB.
---
---```lua
---rover.re.gsub("call 555-1234 or 555-9876", [[(\d{3})-\d{4}]], "$1-****") --> "call 555-**** or 555-****", 2
---rover.re.gsub("a-b", [[\w]], string.upper, 1) --> "A-b", 1
---```
---@param s string
---@param re string|rover.Expression
---@param repl string|table|fun(...: string?): (string|false|nil)
---@param n? integer How many, default all
---@return string text
---@return integer count
function rover.re.gsub(s, re, repl, n) end

---What lies between the matches.
---
---Errors: as rover.re.match.
---
---```lua
---rover.re.split("a, b ;c", [[\s*[,;]\s*]]) --> { "a", "b", "c" }
---rover.re.split("a,b,c", ",", 2) --> { "a", "b,c" }
---```
---@param s string
---@param re string|rover.Expression
---@param n? integer Pieces at most, the last of which is the rest; default all
---@return string[]
function rover.re.split(s, re, n) end

---An expression that matches s.
---
---```lua
---rover.re.quote("1+1=2?") --> "1\\+1=2\\?"
---```
---@param s string
---@return string
function rover.re.quote(s) end

---Compiles an expression. Its methods are the functions above without their argument re.
---
---Errors: as rover.re.match.
---
---```lua
---local comma = rover.re.compile([[\s*[,;]\s*]])
---comma:split("a, b") --> { "a", "b" }
---comma:find("a, b") --> 2, 3
---comma:gsub("a,b", "-") --> "a-b", 1
---local pair = rover.re.compile([[(?P<key>\w+)=(\w+)]])
---pair:match("a=1") --> "a", "1"
---pair:named("a=1") --> { key = "a" }
---pair:gmatch("a=1")() --> "a", "1"
---```
---@param re string
---@return rover.Expression
function rover.re.compile(re) end

---An expression, which rover.re.compile returns. tostring shows its source.
---@class rover.Expression
local Expression = {}

---rover.re.match with this expression.
---
---Example: see `rover.re.compile`.
---@param s string
---@param init? integer Where to begin, default 1; negative: from the end
---@return string? ...
function Expression:match(s, init) end

---rover.re.find with this expression.
---
---Example: see `rover.re.compile`.
---@param s string
---@param init? integer Where to begin, default 1; negative: from the end
---@return integer? first
---@return integer? last
---@return string? ... groups
function Expression:find(s, init) end

---rover.re.named with this expression.
---
---Example: see `rover.re.compile`.
---@param s string
---@param init? integer Where to begin, default 1; negative: from the end
---@return table<string, string>? groups
function Expression:named(s, init) end

---rover.re.gmatch with this expression.
---
---Example: see `rover.re.compile`.
---@param s string
---@return fun(): string|false ...
function Expression:gmatch(s) end

---rover.re.gsub with this expression.
---
---Errors: as rover.re.gsub.
---
---Example: see `rover.re.compile`.
---@param s string
---@param repl string|table|fun(...: string?): (string|false|nil)
---@param n? integer How many, default all
---@return string text
---@return integer count
function Expression:gsub(s, repl, n) end

---rover.re.split with this expression.
---
---Example: see `rover.re.compile`.
---@param s string
---@param n? integer Pieces at most; default all
---@return string[]
function Expression:split(s, n) end
