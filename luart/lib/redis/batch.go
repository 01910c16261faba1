package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/rueidis"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// batch is commands that are sent at once: a pipeline, or a transaction.
type batch struct {
	s      *server
	read   reader
	lines  []commandLine
	over   bool
	direct rueidis.DedicatedClient // where keys are watched, until multi: commands are asked at once
}

// add adds a command. fail raises.
func (b *batch) add(name string, args []lua.LValue, fail func(why string)) {
	line := b.read.line(name, args, fail)
	if line.waits() {
		fail(line.name + " waits at the server: it cannot be among others")
	}
	if b.lines = append(b.lines, line); len(b.lines) > MaxCommands {
		fail(fmt.Sprintf("more than %d commands, the limit", MaxCommands))
	}
}

// addList adds { {"GET", "a"}, … }, argument n.
func (b *batch) addList(L *lua.LState, n int, t *lua.LTable) {
	for i := 1; i <= t.Len(); i++ {
		fail := func(why string) { luaval.ArgError(L, n, fmt.Sprintf("[%d]: %s", i, why)) }
		line, ok := t.RawGetInt(i).(*lua.LTable)
		name, named := lua.LString(""), false
		if ok {
			name, named = line.RawGetInt(1).(lua.LString)
		}
		if !named {
			fail(`a command and its arguments, {"GET", "key"}, expected`)
		}
		var args []lua.LValue
		for j := 2; j <= line.Len(); j++ {
			args = append(args, line.RawGetInt(j))
		}
		b.add(string(name), args, fail)
	}
	if t.Len() == 0 && t.MaxN() == 0 {
		if k, _ := t.Next(lua.LNil); k != lua.LNil {
			luaval.ArgError(L, n, `a list of commands, { {"GET", "key"} }, expected`)
		}
	}
}

// call calls the function fn of a script with b.
func (b *batch) call(L *lua.LState, fn *lua.LFunction) lua.LValue {
	defer func() { b.over = true }()
	L.Push(fn)
	L.Push(luaval.NewObject(b.s.metas.batch, b))
	L.Call(1, 1)
	got := L.Get(-1)
	L.Pop(1)
	return got
}

func (b *batch) build(c rueidis.Builder, before, after int) []rueidis.Completed {
	all := make([]rueidis.Completed, 0, len(b.lines)+before+after)
	if before > 0 {
		all = append(all, c.Multi().Build())
	}
	for _, line := range b.lines {
		all = append(all, line.build(c))
	}
	if after > 0 {
		all = append(all, c.Exec().Build())
	}
	return all
}

// batchMethods are those of what the function of a pipeline or a transaction gets.
var batchMethods = map[string]lua.LGFunction{
	"command": func(L *lua.LState) int {
		b := checkBatch(L, `p:command("GET", key)`)
		return b.queue(L, luaval.CheckString(L, 2), arguments(L, 3))
	},

	// t:multi(): commands are queued from here on.
	"multi": func(L *lua.LState) int {
		b := checkBatch(L, "t:multi()")
		b.direct = nil
		return 0
	},
}

// queued is p:<name>(…): any name is a command.
func queued(name string) lua.LGFunction {
	return func(L *lua.LState) int { return checkBatch(L, "p:"+name+"(…)").queue(L, name, arguments(L, 2)) }
}

func checkBatch(L *lua.LState, example string) *batch {
	b := luaval.CheckSelf[*batch](L, "redis commands", example)
	if b.over {
		L.RaiseError("rover.redis: the function of this pipeline or transaction has returned")
	}
	return b
}

// queue adds a command; before multi it asks at once, and pushes the answer.
func (b *batch) queue(L *lua.LState, name string, args []lua.LValue) int {
	fail := func(why string) { L.RaiseError("rover.redis: %s", why) }
	b.read.L = L
	if b.direct == nil {
		b.add(name, args, fail)
		return 0
	}
	direct := b.direct
	line := b.read.line(name, args, fail)
	if line.waits() {
		fail(line.name + " waits at the server: it cannot be in a transaction")
	}
	var got rueidis.RedisMessage
	err := b.s.do(L, "transaction", func(ctx context.Context, _ rueidis.Client) (err error) {
		got, err = direct.Do(ctx, line.build(direct.B())).ToMessage()
		return err
	})
	if err != nil {
		return failed(L, err)
	}
	return pushReply(L, &got)
}

// pipeline is r:pipeline{ {"GET", "a"}, … } or r:pipeline(function(p) … end): the list of answers.
func pipeline(L *lua.LState) int {
	s := check(L, "r:pipeline(function(p) … end)")
	b := &batch{s: s, read: reader{L: L}}
	switch v := L.Get(2).(type) {
	case *lua.LTable:
		b.addList(L, 2, v)
	case *lua.LFunction:
		b.call(L, v)
	default:
		luaval.ArgTypeError(L, 2, "list of commands, or function")
	}
	if len(b.lines) == 0 {
		L.Push(luaval.NewJSONArray(L))
		return 1
	}
	var results []rueidis.RedisResult
	err := s.do(L, "pipeline", func(ctx context.Context, c rueidis.Client) error {
		results = c.DoMulti(ctx, b.build(c.B(), 0, 0)...)
		return unanswered(results)
	})
	if err != nil {
		return failed(L, err)
	}
	var p luaval.Pace
	t := luaval.NewJSONArray(L)
	for _, result := range results {
		m, err := result.ToMessage()
		if err != nil && !rueidis.IsRedisNil(err) {
			t.Append(errorTable(L, err))
			continue
		}
		t.Append(valueOf(L, &m, &p))
	}
	L.Push(t)
	return 1
}

// unanswered returns why one of the commands has no answer.
func unanswered(results []rueidis.RedisResult) error {
	for _, result := range results {
		if err := result.NonRedisError(); err != nil {
			return err
		}
	}
	return nil
}

var transactionOptions = luaval.NewOptions("watch")

// errGivenUp says that the function of a transaction has returned false.
var errGivenUp = errors.New("given up")

// transaction is r:transaction{ … }, r:transaction(function(t) … end) or
// r:transaction({ watch = keys }, function(t) … t:multi() … end): the list of answers, or nil and
// "conflict" where a watched key has changed.
func transaction(L *lua.LState) int {
	s := check(L, "r:transaction(function(t) … end)")
	b := &batch{s: s, read: reader{L: L}}
	fail := func(why string) { luaval.ArgError(L, 2, why) }
	var watch []string
	fn, hasFn := L.Get(2).(*lua.LFunction)
	if !hasFn {
		t := luaval.CheckTable(L, 2)
		if fn, hasFn = L.Get(3).(*lua.LFunction); hasFn {
			transactionOptions.Each(L, t, 2, func(_ string, v lua.LValue) {
				watch = b.read.arg(nil, v, "option 'watch'", true, fail)
			})
		} else {
			b.addList(L, 2, t)
		}
	}
	if s.grants.FakeNetwork != nil {
		return failed(L, errNoNetwork)
	}
	c := &ownConnection{s: s}
	defer c.release()
	if err := c.take(L, watch); err != nil {
		return failed(L, err)
	}
	if hasFn {
		if len(watch) > 0 {
			b.direct = c.client
		}
		if b.call(L, fn) == lua.LFalse {
			return failed(L, errGivenUp)
		}
	}
	var results []rueidis.RedisResult
	err := s.do(L, "transaction", func(ctx context.Context, _ rueidis.Client) error {
		results = c.client.DoMulti(ctx, b.build(c.client.B(), 1, 1)...)
		return unanswered(results)
	})
	if err != nil {
		return failed(L, err)
	}
	c.clean = true // EXEC has ended it, and what was watched
	got, err := results[len(results)-1].ToMessage()
	if rueidis.IsRedisNil(err) {
		L.Push(lua.LNil)
		L.Push(lua.LString("conflict"))
		return 2
	}
	if err != nil {
		for _, result := range results[:len(results)-1] { // a command that was refused says more
			if first := result.Error(); first != nil {
				err = first
				break
			}
		}
		return failed(L, err)
	}
	return pushReply(L, &got)
}

// ownConnection is a connection that a transaction has alone.
type ownConnection struct {
	s      *server
	client rueidis.DedicatedClient // nil: it has none
	free   func()
	clean  bool // another may use it
}

// take takes a connection, and watches keys.
func (c *ownConnection) take(L *lua.LState, watch []string) error {
	return c.s.do(L, "transaction", func(ctx context.Context, client rueidis.Client) error {
		if err := c.s.takeOwn(ctx); err != nil {
			return err
		}
		c.client, c.free = client.Dedicate()
		if len(watch) == 0 {
			return nil
		}
		return c.client.Do(ctx, c.client.B().Watch().Key(watch...).Build()).Error()
	})
}

// release gives it back, whatever has happened.
func (c *ownConnection) release() {
	if c.client == nil {
		return
	}
	if !c.clean {
		c.client.Close()
	}
	c.free()
	c.s.giveOwn()
}
