package store

import "github.com/redis/rueidis"

// What the server runs. Each script has one key, so that it goes to one server of a cluster. A value
// is a hash of v, the value, and n, its version; a lock one of f, the last fence, and u, until
// when it is held in microseconds.
//
// TIME is the server's clock. Numbers are doubles: microseconds are exact there, and times of
// rates count from 2026, so that they have fractions.

const prelude = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local function live(ttl)
	if ttl == 'forever' then redis.call('PERSIST', KEYS[1])
	elseif ttl ~= 'keep' then redis.call('PEXPIRE', KEYS[1], ttl) end
end
local function int(n) return string.format('%.0f', n + 0) end
`

var (
	setScript = rueidis.NewLuaScript(prelude + `
local mode, old = ARGV[1], redis.call('HGET', KEYS[1], 'n')
if mode == 'new' and old or mode == 'old' and not old or mode == 'cas' and (old or '0') ~= ARGV[2] then return 0 end
if old then now = math.max(now, old + 1) end
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'n', int(now))
live(ARGV[4])
return int(now)`)

	incrScript = rueidis.NewLuaScript(prelude + `
local old = redis.call('HMGET', KEYS[1], 'v', 'n')
local n, ttl = ARGV[2], ARGV[3]
if old[1] then
	n = tonumber(string.match(old[1], '^#(-?%d+)$'))
	if not n or math.abs(n) > 9007199254740991 or '#' .. int(n) ~= old[1] then return 'nan' end
	ttl = 'keep'
	now = math.max(now, old[2] + 1)
end
local sum = n + ARGV[1]
if math.abs(sum) > 9007199254740991 then return 'range' end
redis.call('HSET', KEYS[1], 'v', '#' .. int(sum), 'n', int(now))
live(ttl)
return int(sum)`)

	expireScript = rueidis.NewLuaScript(prelude + `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
live(ARGV[1])
return 1`)

	takeScript = rueidis.NewLuaScript(prelude + `
now = now - 1767225600000000
local interval, burst, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = interval * burst
local tat = tonumber(redis.call('GET', KEYS[1]) or now)
tat = math.min(math.max(tat, now), now + full)
local there = math.floor((now + full - tat) / interval + 1e-6)
local granted = 0
if n <= there then granted = n elseif ARGV[4] == 'some' then granted = there end
tat = tat + granted * interval
local retry = 0
if granted < n then retry = tat + math.min(n - granted, burst) * interval - now - full end
if granted > 0 then
	redis.call('SET', KEYS[1], string.format('%.3f', tat), 'PX', int(math.ceil((tat - now) / 1000) + 1))
end
return {granted, there - granted, math.ceil(retry), math.ceil(tat - now)}`)

	giveScript = rueidis.NewLuaScript(prelude + `
now = now - 1767225600000000
local tat = redis.call('GET', KEYS[1])
if not tat then return 0 end
tat = tat - ARGV[2] * ARGV[1]
if tat <= now then redis.call('DEL', KEYS[1]) return 1 end
redis.call('SET', KEYS[1], string.format('%.3f', tat), 'PX', int(math.ceil((tat - now) / 1000) + 1))
return 1`)

	// The key of a lock stays for a day when it is free, so that fences go up also where the
	// clock is set back.
	lockScript = rueidis.NewLuaScript(prelude + `
local old = redis.call('HMGET', KEYS[1], 'f', 'u')
if old[1] then
	if old[2] == 'forever' or tonumber(old[2]) > now then return 0 end
end
local fence, ttl = now, ARGV[1]
if old[1] then fence = math.max(now, old[1] + 1) end
if ttl == 'forever' then
	redis.call('HSET', KEYS[1], 'f', int(fence), 'u', ttl)
	redis.call('PERSIST', KEYS[1])
else
	redis.call('HSET', KEYS[1], 'f', int(fence), 'u', int(now + ttl * 1000))
	redis.call('PEXPIRE', KEYS[1], int(ttl + 86400000))
end
return int(fence)`)

	extendScript = rueidis.NewLuaScript(prelude + `
local old, ttl = redis.call('HMGET', KEYS[1], 'f', 'u'), ARGV[2]
if not old[1] or old[1] ~= ARGV[1] then return 0 end
if old[2] ~= 'forever' and tonumber(old[2]) <= now then return 0 end
if ttl == 'forever' then
	redis.call('HSET', KEYS[1], 'u', ttl)
	redis.call('PERSIST', KEYS[1])
	return 1
end
if ttl == 'unlock' then ttl = 0 end
redis.call('HSET', KEYS[1], 'u', int(now + ttl * 1000))
redis.call('PEXPIRE', KEYS[1], int(ttl + 86400000))
return 1`)
)
