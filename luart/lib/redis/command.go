package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

const (
	// MaxArgs bounds the arguments of a call, all commands of a pipeline together: bytes, with 16
	// for each.
	MaxArgs = 16 << 20

	// MaxCommands bounds a pipeline, or a transaction.
	MaxCommands = 10_000
)

// Commands that cannot be had, and why.
var refused = map[string]string{
	"MULTI": inTransaction, "EXEC": inTransaction, "DISCARD": inTransaction, "WATCH": inTransaction, "UNWATCH": inTransaction,
	"SUBSCRIBE": inSubscribe, "PSUBSCRIBE": inSubscribe, "SSUBSCRIBE": inSubscribe,
	"UNSUBSCRIBE": inSubscribe, "PUNSUBSCRIBE": inSubscribe, "SUNSUBSCRIBE": inSubscribe,
	"AUTH": ofURL, "HELLO": ofURL, "SELECT": ofURL,
	"CLIENT": ofAll, "QUIT": ofAll, "RESET": ofAll, "ASKING": ofAll, "READONLY": ofAll, "READWRITE": ofAll,
	"MONITOR": ofAll, "SYNC": ofAll, "PSYNC": ofAll, "REPLCONF": ofAll,
	// What Redis counts as administration.
	"ACL": ofOperators, "BGREWRITEAOF": ofOperators, "BGSAVE": ofOperators, "CLUSTER": ofOperators, "CONFIG": ofOperators,
	"DEBUG": ofOperators, "FAILOVER": ofOperators, "LASTSAVE": ofOperators, "LATENCY": ofOperators, "MODULE": ofOperators, "PFDEBUG": ofOperators,
	"PFSELFTEST": ofOperators, "REPLICAOF": ofOperators, "RESTORE-ASKING": ofOperators, "ROLE": ofOperators, "SAVE": ofOperators, "SHUTDOWN": ofOperators,
	"SLAVEOF": ofOperators, "SLOWLOG": ofOperators, "SWAPDB": ofOperators,
	"MIGRATE": "it has the server connect to another one, which allow net does not judge",
}

const (
	inTransaction = "use r:transaction, which has a connection of its own"
	inSubscribe   = "use r:subscribe or r:psubscribe"
	ofURL         = "user, password and database stand in the URL, or in the options of rover.redis"
	ofAll         = "it changes the connection that all calls share"
	ofOperators   = "it is for those who run the server"
)

// blocking are the commands that wait at the server.
var blocking = map[string]bool{
	"BLPOP": true, "BRPOP": true, "BRPOPLPUSH": true, "BLMOVE": true, "BLMPOP": true, "BZPOPMIN": true, "BZPOPMAX": true, "BZMPOP": true,
	"WAIT": true, "WAITAOF": true,
}

// commandLine is a command with its arguments.
type commandLine struct {
	name string // in capitals
	args []string
}

// waits reports whether it waits at the server.
func (c commandLine) waits() bool {
	if c.name == "XREAD" || c.name == "XREADGROUP" {
		for _, arg := range c.args {
			switch strings.ToUpper(arg) {
			case "BLOCK":
				return true
			case "STREAMS": // keys come behind it
				return false
			}
		}
	}
	return blocking[c.name]
}

// build makes it for a client. In a cluster the first argument says where it goes; where that is no
// key the servers say themselves.
func (c commandLine) build(b rueidis.Builder) rueidis.Completed {
	line := b.Arbitrary(c.name)
	if len(c.args) > 0 {
		line = line.Keys(c.args[0]).Args(c.args[1:]...)
	}
	if c.waits() {
		return line.Blocking()
	}
	return line.Build()
}

// reader reads commands from what scripts give. fail raises.
type reader struct {
	L    *lua.LState
	pace luaval.Pace
	size int
}

// line is a command and its arguments.
func (r *reader) line(name string, args []lua.LValue, fail func(why string)) commandLine {
	c := commandLine{name: strings.ToUpper(name)}
	for _, b := range []byte(c.name) {
		if b <= ' ' || b >= 0x7f {
			fail(fmt.Sprintf("%q is no command: one word expected, and its arguments apart", name))
		}
	}
	if c.name == "" {
		fail("a command expected, got an empty string")
	}
	if why := refused[c.name]; why != "" {
		fail(c.name + " cannot be used here: " + why)
	}
	for i, v := range args {
		c.args = r.arg(c.args, v, fmt.Sprintf("argument %d of %s", i+1, c.name), true, fail)
	}
	return c
}

// arg appends an argument: a string, a number, a list of them, or a table of fields with values.
func (r *reader) arg(args []string, v lua.LValue, what string, table bool, fail func(why string)) []string {
	r.pace.Step(r.L)
	text := ""
	switch v := v.(type) {
	case lua.LString:
		text = string(v)
	case lua.LNumber:
		text = strconv.FormatFloat(float64(v), 'f', -1, 64)
		if float64(v) > 1e21 || float64(v) < -1e21 {
			text = strconv.FormatFloat(float64(v), 'g', -1, 64)
		}
	case *lua.LTable:
		if table {
			return r.table(args, v, what, fail)
		}
		fail(what + ": a table in a table")
	default:
		fail(what + ": a string, a number, or a table of them expected, got " + luaval.TypeName(v))
	}
	if r.size += len(text) + 16; r.size > MaxArgs {
		fail(fmt.Sprintf("the arguments are larger than %d bytes, the limit", MaxArgs))
	}
	return append(args, text)
}

func (r *reader) table(args []string, t *lua.LTable, what string, fail func(why string)) []string {
	if n := t.Len(); n > 0 {
		for i := 1; i <= n; i++ {
			args = r.arg(args, t.RawGetInt(i), fmt.Sprintf("%s, [%d]", what, i), false, fail)
		}
		return args
	}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name, ok := k.(lua.LString)
		if !ok {
			fail(what + ": a list, or a table of fields by name, expected")
		}
		args = r.arg(args, name, what, false, fail)
		args = r.arg(args, v, what+", "+strconv.Quote(string(name)), false, fail)
	}
	return args
}

// arguments returns those of the function that runs, from n on.
func arguments(L *lua.LState, n int) (args []lua.LValue) {
	for i := n; i <= L.GetTop(); i++ {
		args = append(args, L.Get(i))
	}
	return args
}

// common are the commands that editors know by name.
var common = []string{
	"get", "set", "del", "incr", "expire", "ttl", "exists", "hget", "hset", "hgetall", "lpush", "rpop", "lrange", "sadd", "smembers",
	"zadd", "zrange", "publish",
}

// methods are those of what rover.redis returns.
func methods() map[string]lua.LGFunction {
	m := map[string]lua.LGFunction{
		"command":     command,
		"eval":        eval,
		"pipeline":    pipeline,
		"transaction": transaction,
		"subscribe":   subscribe,
		"psubscribe":  psubscribe,
	}
	for _, name := range common {
		m[name] = named(name)
	}
	return m
}

// named is r:<name>(…): any name is a command.
func named(name string) lua.LGFunction {
	return func(L *lua.LState) int {
		s := check(L, "r:"+name+"(…)")
		r := reader{L: L}
		return s.one(L, r.line(name, arguments(L, 2), func(why string) { L.RaiseError("rover.redis: %s", why) }))
	}
}

// command is r:command(name, …).
func command(L *lua.LState) int {
	s := check(L, `r:command("GET", key)`)
	r := reader{L: L}
	name := luaval.CheckString(L, 2)
	return s.one(L, r.line(name, arguments(L, 3), func(why string) { L.RaiseError("rover.redis: %s", why) }))
}

// one asks the server, and pushes its answer.
func (s *server) one(L *lua.LState, line commandLine) int {
	do := s.do
	if line.waits() {
		do = s.doOwn
	}
	var got rueidis.RedisMessage
	err := do(L, strings.ToLower(line.name), func(ctx context.Context, c rueidis.Client) (err error) {
		got, err = c.Do(ctx, line.build(c.B())).ToMessage()
		return err
	})
	if err != nil {
		return failed(L, err)
	}
	return pushReply(L, &got)
}

// eval is r:eval(script[, keys[, args]]): what the script returns. Its text is sent once.
func eval(L *lua.LState) int {
	s := check(L, "r:eval(script, keys, args)")
	script := luaval.CheckString(L, 2)
	r := reader{L: L, size: len(script)}
	list := func(n int) (texts []string) {
		if t := luaval.OptTable(L, n); t != nil {
			texts = r.table(nil, t, "eval", func(why string) { luaval.ArgError(L, n, why) })
		}
		return texts
	}
	keys, args := list(3), list(4)
	compiled := rueidis.NewLuaScript(script)
	var got rueidis.RedisMessage
	err := s.do(L, "eval", func(ctx context.Context, c rueidis.Client) (err error) {
		got, err = compiled.Exec(ctx, c, keys, args).ToMessage()
		return err
	})
	if err != nil {
		return failed(L, err)
	}
	return pushReply(L, &got)
}
