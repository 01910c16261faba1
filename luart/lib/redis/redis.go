// Package redis is rover.redis: commands of a server that speaks the protocol of Redis.
package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/subscription"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/redis"
)

//go:embed redis.lua
var stubs string

// Library is rover.redis. It says of no type what is made: any name is a method of it.
var Library = &lib.Library{
	Name: "redis", Stubs: stubs, Explains: true,
	Needs:    map[string]lib.Grant{"": lib.AllowNet},
	Options:  map[string]luaval.OptionsAt{"": openOptions.At(2)},
	NewState: newState,
	Open:     open,
}

const (
	// MaxReply bounds an answer of the server, in bytes; each element counts for 16 beside its own.
	MaxReply = 16 << 20

	// MaxServers is how many servers, or options for them, a script may use.
	MaxServers = 64

	// idle is after how long a connection is closed that nobody uses.
	idle = time.Minute

	// MaxOwn is how many calls may have a connection of their own, for each server.
	MaxOwn = 64

	maxTimeout = time.Minute
)

// metas are the types of a VM.
type metas struct{ redis, batch, subscription *lua.LTable }

func newState(vm lib.VM) any {
	m := &metas{
		redis:        luaval.NewType(vm.L(), "redis", methods(), nil),
		batch:        luaval.NewType(vm.L(), "redis commands", batchMethods, nil),
		subscription: subscription.NewType(vm),
	}
	luaval.AnyMethod(vm.L(), m.redis, named)
	luaval.AnyMethod(vm.L(), m.batch, queued)
	return m
}

// opened is the library in one generation. It is the holder's.
type opened struct {
	vm      lib.VM
	grants  lib.Grants
	metas   *metas
	network *outbound.Client // nil: nothing was connected
	servers map[settings]*server
	subs    *subscription.Set
}

// settings are what a connection is made with.
type settings struct {
	url, user, password, ca string
	insecure                bool
	timeout                 time.Duration
}

// server is what a script has of one.
type server struct {
	*opened
	client *redis.Client
	own    chan struct{} // has MaxOwn places
}

func open(scope *lib.Scope) lua.LValue {
	o := &opened{vm: scope.VM, grants: scope.Grants, metas: scope.State.(*metas), servers: map[settings]*server{}}
	o.subs = &subscription.Set{
		VM: scope.VM, Meta: o.metas.subscription, Name: "rover.redis", Failed: failed,
		Push: func(L *lua.LState, m subscription.Message) (int, error) {
			L.Push(lua.LString(m.Data))
			L.Push(lua.LString(m.Channel))
			return 2, nil
		},
	}
	scope.OnRetire(o.subs.Retire)
	return scope.L().NewFunction(o.open)
}

var openOptions = luaval.NewOptions("ca", "insecure", "password", "timeout", "user").Narrowing("ca").Elsewhere(map[string]string{
	"db": "the database stands in the URL: redis://host:6379/3", "database": "the database stands in the URL: redis://host:6379/3",
	"username": "did you mean user?", "tls": "TLS is rediss:// in the URL",
})

// open is rover.redis(url[, options]). It does not connect: the first call does.
func (o *opened) open(L *lua.LState) int {
	s := settings{url: luaval.CheckString(L, 1), timeout: time.Second}
	if t := luaval.OptTable(L, 2); t != nil {
		openOptions.Each(L, t, 2, func(name string, v lua.LValue) { s.read(L, name, v) })
	}
	if o.grants.Net == nil {
		L.RaiseError("rover.redis needs `allow net` in the rover block of the Caddyfile")
	}
	found := o.servers[s]
	if found == nil {
		if len(o.servers) >= MaxServers {
			L.RaiseError("rover.redis: the script has %d servers with different options, the limit: name them once, while it loads", MaxServers)
		}
		var err error
		if found, err = o.newServer(s); err != nil {
			luaval.ArgError(L, 1, err.Error())
		}
		o.servers[s] = found
	}
	L.Push(luaval.NewObject(o.metas.redis, found))
	return 1
}

// read takes an option.
func (s *settings) read(L *lua.LState, name string, v lua.LValue) {
	text, isText := v.(lua.LString)
	want := ""
	switch name {
	case "user", "password", "ca":
		if !isText {
			want = "a string"
		}
	}
	switch name {
	case "user":
		s.user = string(text)
	case "password":
		if want == "" && text == "" { // rather none than an anonymous login by mistake
			want = "a password that is not empty"
		}
		s.password = string(text)
	case "ca":
		if s.ca = string(text); want == "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(text)) {
			want = "certificates in PEM form"
		}
	case "insecure":
		b, ok := v.(lua.LBool)
		if s.insecure = bool(b); !ok {
			want = "a boolean"
		}
	case "timeout":
		n, ok := v.(lua.LNumber)
		d, fine := luaval.Seconds(float64(n))
		if s.timeout = d; !ok || !fine || d < time.Millisecond || d > maxTimeout {
			want = "seconds from 0.001 to 60"
		}
	}
	if want == "" {
		return
	}
	if name == "password" || name == "ca" { // CheckOption shows what it got
		luaval.ArgError(L, 2, "option '"+name+"': "+want+" expected")
	}
	luaval.CheckOption(L, 2, name, v, want)
}

func (o *opened) newServer(s settings) (*server, error) {
	config := (*tls.Config)(nil)
	secure := strings.HasPrefix(s.url, "rediss://")
	if !secure && (s.ca != "" || s.insecure) {
		return nil, errors.New("options ca and insecure are for rediss://")
	}
	if secure {
		config = &tls.Config{InsecureSkipVerify: s.insecure}
		if s.ca != "" {
			config.RootCAs = x509.NewCertPool()
			config.RootCAs.AppendCertsFromPEM([]byte(s.ca))
		}
	}
	if o.network == nil { // of which only Dial is used: it judges each address
		o.network = outbound.NewClient(outbound.Options{Policy: o.grants.Net, Context: o.vm.Context()})
	}
	client, err := redis.New(redis.Options{
		URL: s.url, User: s.user, Password: s.password, TLS: config, Timeout: s.timeout, Logger: o.vm.Logger(), Name: "rover.redis",
		Dial: o.network.Dial, MaxReply: MaxReply, NoCache: true, Idle: idle, Lazy: true, Context: o.vm.Context(),
	})
	if err != nil {
		return nil, err
	}
	return &server{opened: o, client: client, own: make(chan struct{}, MaxOwn)}, nil
}

// errNoNetwork is what tests get.
var errNoNetwork = errors.New("there is no network here: `caddy rover test` and `caddy rover check` connect to nothing")

// do has a call made while others run. Its error is one to return.
func (s *server) do(L *lua.LState, what string, call func(ctx context.Context, c rueidis.Client) error) (err error) {
	if s.grants.FakeNetwork != nil {
		return errNoNetwork
	}
	s.await(L, what, func(ctx context.Context) { err = s.client.Do(ctx, call) })
	return err
}

// doOwn is do on a connection of its own, for as long as the request may.
func (s *server) doOwn(L *lua.LState, what string, call func(ctx context.Context, c rueidis.Client) error) (err error) {
	if s.grants.FakeNetwork != nil {
		return errNoNetwork
	}
	patience := s.vm.Caller().PatienceElsewhere()
	s.await(L, what, func(ctx context.Context) {
		if patience > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, patience)
			defer cancel()
		}
		if err = s.takeOwn(ctx); err == nil {
			defer s.giveOwn()
			err = s.client.DoBlocking(ctx, call)
		}
		if patience > 0 && errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", patience)
		}
	})
	return err
}

// takeOwn waits for a place among those who have a connection of their own.
func (s *server) takeOwn(ctx context.Context) error {
	select {
	case s.own <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *server) giveOwn() { <-s.own }

func (s *server) await(L *lua.LState, what string, wait func(ctx context.Context)) {
	s.vm.Caller().Await(L, lib.WaitsOn{What: "rover.redis:" + what, Which: s.client.Address()}, wait)
}

// failed pushes nil and what has gone wrong.
func failed(L *lua.LState, err error) int {
	L.Push(lua.LNil)
	L.Push(lua.LString("redis: " + err.Error()))
	return 2
}

func check(L *lua.LState, example string) *server {
	return luaval.CheckSelf[*server](L, "redis", example)
}
