package redis_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/lib/redis"
	"github.com/caddy-rover/rover/luart/libtest"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// vm is a VM whose chunks have a server as r, with a timeout, and the rules of allow net.
type vm struct {
	*libtest.VM
	begin string
}

func newVM(t *testing.T, addr, options string, rules ...string) *vm {
	v := &vm{VM: libtest.New(t, redis.Library), begin: `local r = rover.redis("redis://` + addr + `"` + options + `) `}
	policy, err := outbound.ParsePolicy(rules)
	if err != nil {
		t.Fatal(err)
	}
	v.Change = func(s *luart.Script) { s.Net = policy }
	return v
}

func (v *vm) expect(t *testing.T, chunk, want string) {
	t.Helper()
	v.Expect(t, v.begin+chunk, want)
}

// A minute is longer than any test waits on a busy machine.
func onServer(t *testing.T, args ...string) (*vm, *storetest.Server) {
	server := storetest.StartRedis(t, args...)
	addr := server.TCP()
	return newVM(t, addr, ", { timeout = 60 }", addr), server
}

// Commands come back as what Lua has for it.
func TestCommands(t *testing.T) {
	v, _ := onServer(t)
	for _, c := range []struct{ chunk, want string }{
		{`return r:set("k", "a\0\255"), #r:get("k"), r:get("k"):byte(3), r:get("none")`, "OK | 3 | 255 | nil"},
		{`r:del("n") return r:incr("n"), r:incrby("n", 41), r:get("n"), type(r:get("n"))`, "1 | 42 | 42 | string"},
		{`return r:command("set", "k", 1.5), r:command("GET", "k"), r:set("k", 2^53), r:get("k"), r:set("k", 1e15), r:get("k")`, "OK | 1.5 | OK | 9007199254740992 | OK | 1000000000000000"},
		{`r:set("big", "9007199254740993") return r:incr("big"), type(r:incr("big"))`, "9007199254740994 | string"},
		{`r:del("h") return r:hset("h", { name = "ann", age = 7 }), r:hgetall("h").name, r:hgetall("h").age, next(r:hgetall("none"))`, "2 | ann | 7 | nil"},
		{`r:del("l") r:rpush("l", { "a", "b", 3 }) return table.concat(r:lrange("l", 0, -1), ","), #r:lrange("none", 0, -1)`, "a,b,3 | 0"},
		{`r:del("s") r:sadd("s", "a") return r:smembers("s")[1], r:sismember("s", "a")`, "a | 1"},
		{`r:del("z") r:zadd("z", 1.5, "a") return r:zscore("z", "a"), type(r:zscore("z", "a")), r:zrange("z", 0, -1, "WITHSCORES")[1][2]`, "1.5 | number | 1.5"},
		{`r:set("k", "x") local t = r:mget("k", "none") return #t, t[1], tostring(t[2])`, "2 | x | null"},
		{`r:set("k", "x") return r:incr("k")`, "nil | redis: value is not an integer or out of range"},
		{`return r:nosuchcommand("k")`, "nil | redis: unknown command 'NOSUCHCOMMAND', with args beginning with: 'k' "},
		{`return r:get()`, "nil | redis: wrong number of arguments for 'get' command"},
		{`r:set("e", "") return r:get("e") == "", r:exists("e")`, "true | 1"},

		// Scripts of the server.
		{`return r:eval("return { KEYS[1], ARGV[1], 1, false }", { "k" }, { 7 })[2], tostring(r:eval("return { false }")[1]), r:eval("return false")`, "7 | null | nil"},
		{`return r:eval("return redis.error_reply('MINE no')")`, "nil | redis: MINE no"},
		{`return r:eval("return redis.call('incr', KEYS[1])", { "ev" }), r:eval("return redis.call('incr', KEYS[1])", { "ev" })`, "1 | 2"},

		// Pipelines and transactions.
		{`r:del("p") local t = r:pipeline{ {"INCR", "p"}, {"GET", "none"}, {"LPUSH", "p", 1}, {"set", "q", "x"} } return #t, t[1], tostring(t[2]), t[3].err, t[4]`, "4 | 1 | null | redis: WRONGTYPE Operation against a key holding the wrong kind of value | OK"},
		{`r:del("p") local t = r:pipeline(function(p) for i = 1, 100 do p:incr("p") end p:command("GET", "p") end) return #t, t[100], t[101]`, "101 | 100 | 100"},
		{`return #r:pipeline{}, #r:pipeline(function() end)`, "0 | 0"},
		{`local kept r:pipeline(function(p) kept = p end) kept:get("k")`, "error: chunk:1: rover.redis: the function of this pipeline or transaction has returned"},
		{`r:del("a") local t = r:transaction(function(t) t:incr("a") t:incr("a") end) return t[1], t[2]`, "1 | 2"},
		{`r:del("a") return r:transaction{ {"INCR", "a"}, {"GET", "a"} }[2]`, "1"},
		{`r:set("a", 5) local t = r:transaction({ watch = "a" }, function(t) local n = tonumber(t:get("a")) t:multi() t:set("a", n * 2) end) return t[1], r:get("a")`, "OK | 10"},
		{`r:set("a", 5) local t, why = r:transaction({ watch = { "a" } }, function(t) t:get("a") r:set("a", 6) t:multi() t:set("a", 1) end) return t, why, r:get("a")`, "nil | conflict | 6"},
		{`r:set("a", 5) return r:transaction({ watch = "a" }, function(t) return false end)`, "nil | redis: given up"},
		{`return pcall(function() r:transaction({ watch = "a" }, function(t) error("no", 0) end) end)`, "false | no"},
		{`return r:transaction(function(t) t:nosuch() t:incr("a") end)`, "nil | redis: unknown command 'NOSUCH', with args beginning with: "},
		{`r:set("a", "x") local t = r:transaction(function(t) t:incr("a") t:get("a") end) return t[1].err, t[2]`, "redis: value is not an integer or out of range | x"},

		// What cannot be asked.
		{`r:command("MULTI")`, "error: chunk:1: rover.redis: MULTI cannot be used here: use r:transaction, which has a connection of its own"},
		{`r:command("SSUBSCRIBE", "x")`, "error: chunk:1: rover.redis: SSUBSCRIBE cannot be used here: use r:subscribe or r:psubscribe"},
		{`r:select(3)`, "error: chunk:1: rover.redis: SELECT cannot be used here: user, password and database stand in the URL, or in the options of rover.redis"},
		{`r:client("KILL")`, "error: chunk:1: rover.redis: CLIENT cannot be used here: it changes the connection that all calls share"},
		{`r:command("migrate", "127.0.0.1", 1, "k", 0, 100)`, "error: chunk:1: rover.redis: MIGRATE cannot be used here: it has the server connect to another one, which allow net does not judge"},
		{`r:shutdown()`, "error: chunk:1: rover.redis: SHUTDOWN cannot be used here: it is for those who run the server"},
		{`r:pipeline{ {"GET", "a"}, {"SUBSCRIBE", "a"} }`, "error: chunk:1: bad argument #1 to pipeline ([2]: SUBSCRIBE cannot be used here: use r:subscribe or r:psubscribe)"},
		{`r:pipeline{ {"BLPOP", "a", 0} }`, "error: chunk:1: bad argument #1 to pipeline ([1]: BLPOP waits at the server: it cannot be among others)"},
		{`r:pipeline{ {"XREAD", "block", 0, "STREAMS", "s", "$"} }`, "error: chunk:1: bad argument #1 to pipeline ([1]: XREAD waits at the server: it cannot be among others)"},
		{`r:pipeline{ "GET" }`, `error: chunk:1: bad argument #1 to pipeline ([1]: a command and its arguments, {"GET", "key"}, expected)`},
		{`r:pipeline{ GET = "a" }`, `error: chunk:1: bad argument #1 to pipeline (a list of commands, { {"GET", "key"} }, expected)`},
		{`r:command("")`, "error: chunk:1: rover.redis: a command expected, got an empty string"},
		{`r:command("GET k")`, `error: chunk:1: rover.redis: "GET k" is no command: one word expected, and its arguments apart`},
		{`r:set("k", true)`, "error: chunk:1: rover.redis: argument 2 of SET: a string, a number, or a table of them expected, got boolean"},
		{`r:hset("k", { a = {} })`, `error: chunk:1: rover.redis: argument 2 of HSET, "a": a table in a table`},
		{`local x = ("x"):rep(2^23) r:mset("k", x, "l", x)`, "error: chunk:1: rover.redis: the arguments are larger than 16777216 bytes, the limit"},
		{`r.get("k")`, "error: chunk:1: bad argument #1 to get (redis expected, got string (call r:get(…) with a colon))"},
		{`r:transaction({ wach = "a" }, function() end)`, `error: chunk:1: bad argument #1 to transaction (unknown option "wach": did you mean watch?)`},
	} {
		v.expect(t, c.chunk, c.want)
	}
}

// What the options of rover.redis may be.
func TestOptions(t *testing.T) {
	v := newVM(t, "127.0.0.1:1", "", "127.0.0.1:1")
	for _, c := range []struct{ chunk, want string }{
		{`rover.redis("http://x")`, "error: chunk:1: bad argument #1 to redis (redis: invalid URL scheme: http)"},
		{`rover.redis("unix:///run/s")`, "error: chunk:1: bad argument #1 to redis (a host and a port expected, not a file)"},
		{`rover.redis("redis://h", { timeout = 61 })`, "error: chunk:1: bad argument #2 to redis (option 'timeout': seconds from 0.001 to 60 expected, got 61)"},
		{`rover.redis("redis://h", { password = "" })`, "error: chunk:1: bad argument #2 to redis (option 'password': a password that is not empty expected)"},
		{`rover.redis("redis://h", { ca = "s3cret" })`, "error: chunk:1: bad argument #2 to redis (option 'ca': certificates in PEM form expected)"},
		{`rover.redis("redis://h", { insecure = true })`, "error: chunk:1: bad argument #1 to redis (options ca and insecure are for rediss://)"},
		{`rover.redis("redis://h", { db = 3 })`, `error: chunk:1: bad argument #2 to redis (unknown option "db": the database stands in the URL: redis://host:6379/3)`},
		{`for i = 1, 65 do rover.redis("redis://h:" .. i) end`, "error: chunk:1: rover.redis: the script has 64 servers with different options, the limit: name them once, while it loads"},
	} {
		v.Expect(t, c.chunk, c.want)
	}
	got, err := v.Eval(t.Context(), `rover.redis("redis://u:s3cret@h:x/%zz")`)
	if err != nil || !strings.HasPrefix(got, "error: ") || strings.Contains(got, "s3cret") {
		t.Errorf("%s %v", got, err)
	}
}

// A script gets no further than the operator lets it, by an address or a name.
func TestForbidden(t *testing.T) {
	server := storetest.StartRedis(t)
	addr := server.TCP()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ addr, rule, want string }{
		{addr, "127.0.0.1:1", "nil | redis: forbidden: " + addr + " is not in the rules of allow net"},
		{addr, "redis.test", "nil | redis: forbidden: " + addr + " is not in the rules of allow net"},
		{"localhost:" + port, "example.com", "nil | redis: forbidden: localhost:" + port + " is not in the rules of allow net"},
		{"localhost:" + port, "10.0.0.0/8", "nil | redis: forbidden: localhost leads to " + addr + ", which is not in the rules of allow net"},
		{addr, "127.0.0.1:" + port, "PONG"},
		{"localhost:" + port, "localhost", "PONG"},
	} {
		v := newVM(t, c.addr, ", { timeout = 60 }", c.rule)
		got, err := v.Eval(t.Context(), v.begin+`return r:ping()`)
		if err != nil || !strings.HasPrefix(strings.ReplaceAll(got, "[::1]", "127.0.0.1"), c.want) {
			t.Errorf("%s with %s: %s %v, want %s", c.addr, c.rule, got, err, c.want)
		}
	}
	v := newVM(t, addr, "")
	v.Change = nil
	v.expect(t, `return 1`, "error: chunk:1: rover.redis needs `allow net` in the rover block of the Caddyfile")
}

// A command that waits at the server has a connection of its own, and ends with the caller.
func TestBlocking(t *testing.T) {
	v, _ := onServer(t)
	v.expect(t, `r:rpush("q", "job") local got = r:blpop("q", 0) return got[1], got[2], r:blpop("q", 0.01)`, "q | job | nil")
	v.expect(t, `return r:xread("BLOCK", 1, "STREAMS", "s", "$")`, "nil")
	v.expect(t, `return r:wait(0, 0)`, "0")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan string, 1)
	go func() {
		got, err := v.Eval(ctx, v.begin+`r:set("waits", 1) return r:blpop("empty", 0)`)
		done <- got + errText(err)
	}()
	v.expect(t, `while not r:get("waits") do end`, "")
	cancel()
	if got := <-done; got != "error: chunk:1: the client closed the request" {
		t.Errorf("it ended with %s", got)
	}
	v.expect(t, `return r:ping()`, "PONG")
}

// An answer that is too large is not read, and what comes after it is answered.
func TestLargeReply(t *testing.T) {
	v, _ := onServer(t)
	v.expect(t, `
		r:set("x", ("x"):rep(2^20))
		local script = "local x, t = redis.call('get', 'x'), {} for i = 1, %d do t[i] = x end return %s"
		return #r:eval(script:format(15, "table.concat(t)")), r:eval(script:format(16, "table.concat(t)"))`,
		"15728640 | nil | redis: an answer is larger than 16777216 bytes, the limit")
	v.expect(t, `return r:eval("local t = {} for i = 1, 2e6 do t[i] = 1 end return t")`, "nil | redis: an answer is larger than 16777216 bytes, the limit")
	v.expect(t, `return #r:eval("local t = {} for i = 1, 1000 do t[i] = { i } end return t")`, "1000")
}

// Messages of channels and patterns come, with the name of the channel, and go on after the server was
// away.
func TestSubscribe(t *testing.T) {
	v, server := onServer(t)
	v.expect(t, `
		local sub = r:subscribe("a", "b")
		local n = r:publish("a", "one")
		local x, from = sub:recv(60)
		r:publish("b", "two")
		local y, other = sub:recv(60)
		local late, why = sub:recv(0)
		sub:close()
		local _, over = sub:recv()
		return n, x, from, y, other, late, why, over`, "1 | one | a | two | b | nil | timeout | closed")
	v.expect(t, `
		local sub = r:psubscribe("user:*")
		r:publish("user:7", "seen")
		for value, channel in sub:iter() do sub:close() return value, channel end`, "seen | user:7")
	done := make(chan string, 1)
	go func() {
		got, err := v.Eval(t.Context(), v.begin+`
			local sub = r:subscribe("t")
			r:publish("started", "now")
			local values = {}
			while #values < 2 do
				local value, why = sub:recv()
				values[#values + 1] = value or (values[#values] ~= why and why or nil)
			end
			return sub:recv()`)
		done <- got + errText(err)
	}()
	probe, _ := outboundVM(t, server)
	probe.expect(t, `while r:publish("t", "before") == 0 do end`, "")
	server.Kill()
	server.Start()
	for {
		got, err := probe.Eval(t.Context(), probe.begin+`return r:publish("t", "after") == 1`)
		if err != nil {
			t.Fatal(err)
		}
		if got == "true" {
			break
		}
	}
	if got := <-done; got != "after | t" {
		t.Errorf("after a restart comes %s", got)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func outboundVM(t *testing.T, server *storetest.Server) (*vm, string) {
	addr := server.TCP()
	return newVM(t, addr, ", { timeout = 60 }", addr), addr
}

// A server that is away is an error within the timeout; it is found when it is back.
func TestServerIsAway(t *testing.T) {
	server := storetest.StartRedis(t)
	addr := server.TCP()
	v := newVM(t, addr, ", { timeout = 0.2 }", addr)
	patient := newVM(t, addr, ", { timeout = 60 }", addr)
	patient.expect(t, `return r:set("k", 1)`, "OK")
	for name, away := range map[string][2]func(){"killed": {server.Kill, server.Start}, "paused": {server.Pause, server.Continue}} {
		away[0]()
		for _, call := range []string{
			`get("k")`, `set("k", 1)`, `pipeline{ {"GET", "k"} }`, `transaction{ {"GET", "k"} }`,
			`transaction({ watch = "k" }, function() end)`, `eval("return 1")`, `subscribe("x")`, `publish("x", 1)`,
		} {
			got, err := v.Eval(t.Context(), v.begin+`return r:`+call)
			if err != nil || !strings.HasPrefix(got, "nil | redis: ") {
				t.Errorf("%s, %s: %s %v", name, call, got, err)
			}
		}
		away[1]()
		for deadline := time.Now().Add(20 * time.Second); ; {
			got, err := v.Eval(t.Context(), v.begin+`return r:ping()`)
			if err != nil || time.Now().After(deadline) {
				t.Fatal(name, got, err)
			}
			if got == "PONG" {
				break
			}
		}
	}
}

// In tests of scripts there is no network.
func TestNoNetwork(t *testing.T) {
	v := newVM(t, "127.0.0.1:1", "", "127.0.0.1:1")
	v.Change = func(s *luart.Script) { s.Net, s.FakeNetwork = outbound.NewPolicy(), noNetwork{} }
	for _, call := range []string{`get("k")`, `blpop("k", 0)`, `pipeline{ {"GET", "k"} }`, `transaction{ {"GET", "k"} }`, `subscribe("x")`} {
		v.expect(t, `return r:`+call, "nil | redis: there is no network here: `caddy rover test` and `caddy rover check` connect to nothing")
	}
}

// noNetwork answers nothing.
type noNetwork struct{ http.RoundTripper }

// A server that another one names is judged as if the script had named it: a master by its Sentinel, and
// the rest of a cluster.
func TestForbiddenByAnother(t *testing.T) {
	sentinel, master, _ := storetest.StartSentinel(t, "", "")
	of := func(rules ...string) *vm {
		return newVM(t, "127.0.0.1:"+sentinel.Port()+"?master_set=main", ", { timeout = 60 }", rules...)
	}
	of("127.0.0.1:"+sentinel.Port(), "127.0.0.1:"+master.Port()).expect(t, `return r:ping()`, "PONG")
	v := of("127.0.0.1:" + sentinel.Port())
	v.begin = strings.Replace(v.begin, "timeout = 60", "timeout = 5", 1) // not in the port
	v.expect(t, `return r:ping()`, "nil | redis: forbidden: 127.0.0.1:"+master.Port()+" is not in the rules of allow net")

	masters, _ := storetest.StartCluster(t)
	v = newVM(t, "127.0.0.1:"+masters[0].Port(), ", { timeout = 5 }", "127.0.0.1:"+masters[0].Port())
	v.expect(t, `
		local reached, refused = 0, 0
		for i = 1, 30 do
			local _, why = r:set("k" .. i, i)
			if not why then reached = reached + 1 elseif why:find("forbidden", 1, true) then refused = refused + 1 end
		end
		return refused > 0, reached + refused`, "true | 30")
	for _, s := range masters[1:] {
		if n := s.Ask("DBSIZE"); n != "0" {
			t.Errorf("a server that is not granted has %s keys", n)
		}
	}
	all := []string{}
	for _, s := range masters {
		all = append(all, "127.0.0.1:"+s.Port())
	}
	v = newVM(t, all[0], ", { timeout = 60 }", all...)
	v.expect(t, `for i = 1, 30 do assert(r:set("k" .. i, i)) end return r:get("k7"), #r:pipeline{ {"GET", "k1"}, {"GET", "k2"}, {"GET", "k3"} }`, "7 | 3")
}

// No command that the server counts as administration can be had.
func TestNoAdministration(t *testing.T) {
	v, server := onServer(t)
	for name := range strings.FieldsSeq(strings.Trim(server.Ask("ACL", "CAT", "admin"), "[]")) {
		name, _, _ = strings.Cut(name, "|")
		got, err := v.Eval(t.Context(), v.begin+`return r:command("`+name+`")`)
		if err != nil || !strings.Contains(got, "cannot be used here") {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
}
