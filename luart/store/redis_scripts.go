package store

import "github.com/redis/rueidis"

// What the server runs. Each script has one key, so that it goes to one server of a cluster. A value
// is a hash of v, the value, and n, its version; a lock a sorted set of the fences of those who hold
// a place, each with the microsecond until which it does, f with the last fence, and r with when
// somebody was refused, both negative.
//
// TIME is the server's clock. Numbers are doubles: microseconds are exact there, and times of
// rates count from 2026, so that they have fractions.

// serverClock has the time in t: seconds, and microseconds beside.
const serverClock = `local t = redis.call('TIME')`

const prelude = `
local now = t[1] * 1000000 + t[2]
local function live(ttl)
	if ttl == 'forever' then redis.call('PERSIST', KEYS[1])
	elseif ttl ~= 'keep' then redis.call('PEXPIRE', KEYS[1], ttl) end
end
local function int(n) return string.format('%.0f', n + 0) end
`

const lockPrelude = `
local function over(ttl) if ttl == 'forever' then return '+inf' end return int(now + ttl * 1000) end
local function keep(ttl)
	local latest, more = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2], 86400000
	if ttl ~= 'forever' then more = math.max(60000, math.min(10 * ttl, more)) end
	if latest == 'inf' then redis.call('PERSIST', KEYS[1])
	else redis.call('PEXPIRE', KEYS[1], int(math.max(latest - now, 0) / 1000 + more)) end
end
`

// scripts are all of them.
type scripts struct{ set, incr, expire, take, give, lock, extend, unlock *rueidis.Lua }

// newScripts makes them for a clock: serverClock, or another one in tests.
func newScripts(clock string) *scripts {
	newScript := func(text string) *rueidis.Lua { return rueidis.NewLuaScript(clock + prelude + text) }
	return &scripts{
		set: newScript(`
local mode, old = ARGV[1], redis.call('HGET', KEYS[1], 'n')
if mode == 'new' and old or mode == 'old' and not old or mode == 'cas' and (old or '0') ~= ARGV[2] then return 0 end
if old then now = math.max(now, old + 1) end
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'n', int(now))
live(ARGV[4])
return int(now)`),

		incr: newScript(`
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
return int(sum)`),

		expire: newScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
live(ARGV[1])
return 1`),

		take: newScript(`
now = now - 1767225600000000
local interval, burst, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = interval * burst
local tat = tonumber(redis.call('GET', KEYS[1]) or now)
local back = tat > now + full -- the clock was set back
tat = math.min(math.max(tat, now), now + full)
local there = math.floor((now + full - tat) / interval + 1e-6)
local granted = 0
if n <= there then granted = n elseif ARGV[4] == 'some' then granted = there end
tat = tat + granted * interval
local retry = 0
if granted < n then retry = tat + math.min(n - granted, burst) * interval - now - full end
if granted > 0 or back then
	redis.call('SET', KEYS[1], string.format('%.3f', tat), 'PX', int(math.ceil((tat - now) / 1000) + 1))
end
return {granted, there - granted, math.ceil(retry), math.ceil(tat - now)}`),

		give: newScript(`
now = now - 1767225600000000
local tat = redis.call('GET', KEYS[1])
if not tat then return 0 end
tat = tat - ARGV[2] * ARGV[1]
if tat <= now then redis.call('DEL', KEYS[1]) return 1 end
redis.call('SET', KEYS[1], string.format('%.3f', tat), 'PX', int(math.ceil((tat - now) / 1000) + 1))
return 1`),

		// The key of a lock stays for ten times its time when it is free, a minute at least and a day
		// at most, so that fences go up also where the clock is set back.
		lock: newScript(lockPrelude + `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(0', int(now))
if redis.call('ZCOUNT', KEYS[1], '(0', '+inf') >= tonumber(ARGV[1]) then
	redis.call('ZADD', KEYS[1], int(-now), 'r')
	return 0
end
local fence, last = now, redis.call('ZSCORE', KEYS[1], 'f')
if last then fence = math.max(now, 1 - last) end
redis.call('ZADD', KEYS[1], int(-fence), 'f', over(ARGV[2]), int(fence))
keep(ARGV[2])
return int(fence)`),

		extend: newScript(lockPrelude + `
local old = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not old or old ~= 'inf' and tonumber(old) <= now then return 0 end
redis.call('ZADD', KEYS[1], over(ARGV[2]), ARGV[1])
keep(ARGV[2])
return 1`),

		unlock: newScript(lockPrelude + `
local old = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not old or old ~= 'inf' and tonumber(old) <= now then return 0 end
local refused = redis.call('ZSCORE', KEYS[1], 'r')
redis.call('ZREM', KEYS[1], ARGV[1], 'r')
if redis.call('PTTL', KEYS[1]) < 0 then keep('forever') end
if refused and math.abs(now + refused) < tonumber(ARGV[2]) then return 2 end
return 1`),
	}
}

// allScripts are those by the server's clock.
var allScripts = newScripts(serverClock)
