package http

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/resilience"
)

//go:embed http.lua
var stubs string

// Library is rover.http.
//
//	rover.http.get(url[, options]) -> response | nil, message[, seconds]
//	rover.http.delete, .head, .options      the same
//	rover.http.post(url[, body][, options]) -> response | nil, message
//	rover.http.post(url, data, options)     data, a table, is sent as JSON
//	rover.http.put, .patch                  the same
//	rover.http.request(options) -> response | nil, message
//
// Sends a request and waits for the response, body included; other requests run
// meanwhile. Any status is a response. A request that fails gives nil and a message
// that begins with the step, see outbound.Step: "timeout: …", "dns: …"; and where the breaker of
// the host is open, also in how many seconds it may be asked again. A bad argument
// raises, and so does the wait when the client has left or the request's own timeout
// is over; what was asked for is cancelled then.
//
// Options, all of them optional (see options):
//
//	timeout    seconds for all of it; with stream, for the head and for each later
//	           read. Default: what is left of the request's timeout; in the background
//	           as much as a request has. timeout_ms: the same in milliseconds
//	params     table, appended to the query; an array repeats its name
//	body       string
//	json       any value, sent as JSON; form: table, sent URL-encoded. One of the three
//	headers    table; a value is a string, a number or an array of them
//	redirects  how many to follow, default 10; 0: a redirect is the response
//	max_body   bytes of the response's body, default 10 MiB, none with stream
//	retry      how many attempts, or a table: see resilience.Policy. false: one
//	breaker    true or a table: see resilience.Settings. false: none
//	stream     true: return when the head is there, see responseMethods
//	method, url   of rover.http.request
//
// The response has status, ok (200 to 299), headers (found in any case, :all(name)),
// body, data (body decoded, if it is JSON by its content type, nil where that fails; else
// body), url (of the last request, after redirects).
//
// A request carries on X-Request-Id, and a valid traceparent with its tracestate, of
// the request that it is made for, unless it has such headers itself.
//
//	rover.http.create(options) -> client
//
// A client has the methods of rover.http (client:get(path), …) and the defaults that
// its options say, see newHTTPClient.
var Library = &lib.Library{
	Name:     name,
	Stubs:    stubs,
	Makes:    makes,
	Options:  optionsOf(),
	Needs:    map[string]lib.Grant{"": lib.AllowNet},
	Explains: true,
	NewState: newState,
	Open:     open,
}

const name = "http"

// makes are the types of what the functions return.
var makes = func() map[string]string {
	all := map[string]string{"create": "HTTP client"}
	for _, method := range []string{"get", "delete", "head", "options", "post", "put", "patch", "request"} {
		all[method], all["HTTP client:"+method] = "HTTP response", "HTTP response"
	}
	return all
}()

// state is what the library keeps in a VM.
type state struct {
	vm               lib.VM
	counters         outbound.Counters
	guard            *resilience.Guard
	client, response *lua.LTable // metatables
}

func newState(vm lib.VM) any {
	luaval.NoteFields(vm.L(), "HTTP response", "status", "ok", "url", "headers", "body", "data")
	return &state{
		vm:       vm,
		guard:    resilience.NewGuard(vm.Clock(), "rover.http", vm.Logger()),
		client:   luaval.NewType(vm.L(), "HTTP client", clientMethods(), nil),
		response: luaval.NewType(vm.L(), "HTTP response", responseMethods, responseField),
	}
}

// Stats returns what rover.http has done in a VM, in all generations. Any goroutine may call it.
func Stats(vm interface{ LibraryState(name string) any }) outbound.Stats {
	return stateOf(vm).counters.Stats()
}

// Guarded returns what has become of services that fail. Any goroutine may call it.
func Guarded(vm interface{ LibraryState(name string) any }) resilience.Stats {
	return stateOf(vm).Guarded()
}

// Guarded is that of the VM whose state it is.
func (s *state) Guarded() resilience.Stats { return s.guard.Stats() }

func stateOf(vm interface{ LibraryState(name string) any }) *state {
	s, ok := vm.LibraryState(name).(*state)
	if !ok {
		s = &state{}
	}
	return s
}

// open is the library's Open.
func open(s *lib.Scope) lua.LValue {
	clients := newClients(s)
	s.OnRetire(clients.closeIdle)
	L := s.L()
	t := L.CreateTable(0, len(verbs)+1)
	for name, verb := range verbs {
		t.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			return verb(clients.plain(L), L, 1)
		}))
	}
	t.RawSetString("create", L.NewFunction(clients.create))
	return t
}

// verb sends what the arguments from n on say.
type verb func(c *client, L *lua.LState, n int) int

// verbs are the functions of rover.http, and the methods of its clients.
var verbs = map[string]verb{
	"get":     withoutBody(http.MethodGet),
	"delete":  withoutBody(http.MethodDelete),
	"head":    withoutBody(http.MethodHead),
	"options": withoutBody(http.MethodOptions),
	"post":    withBody(http.MethodPost),
	"put":     withBody(http.MethodPut),
	"patch":   withBody(http.MethodPatch),
	"request": func(c *client, L *lua.LState, n int) int {
		o := newOptions(c, L, n)
		o.whole = true
		o.read(luaval.CheckTable(L, n))
		return c.send(L, o)
	},
}

// withoutBody is f(url[, options]).
func withoutBody(method string) verb {
	return func(c *client, L *lua.LState, n int) int {
		o := newOptions(c, L, n+1)
		o.method = method
		o.setURL(n, luaval.CheckString(L, n))
		o.read(luaval.OptTable(L, n+1))
		return c.send(L, o)
	}
}

// withBody is f(url[, body][, options]). A table is the options where it comes last, else data to
// send as JSON.
func withBody(method string) verb {
	return func(c *client, L *lua.LState, n int) int {
		at := n + 1
		data, isTable := L.Get(at).(*lua.LTable)
		switch {
		case !isTable:
			at++
		case L.Get(at+1) != lua.LNil:
			at++
			isTable = false // it is data
		default:
			checkMeant(L, at, data)
		}
		o := newOptions(c, L, at)
		o.method = method
		o.setURL(n, luaval.CheckString(L, n))
		switch {
		case isTable || L.Get(n+1) == lua.LNil:
		case data != nil:
			o.setJSON("the data argument", data)
		default:
			o.setBody("the body argument", luaval.CheckText(L, n+1), "")
		}
		o.read(luaval.OptTable(L, at))
		return c.send(L, o)
	}
}

// send sends the request and pushes the response, or nil and a message. Only the holder
// may call it.
func (c *client) send(L *lua.LState, o *options) int {
	caller := c.clients.vm.Caller()
	o.finish(caller)
	if o.stream {
		return c.sendStream(L, o)
	}
	var resp *outbound.Response
	var body string
	var err error
	caller.Await(L, lib.WaitsOn{What: "rover.http " + o.Method, Which: o.URL.Host}, func(ctx context.Context) {
		var b []byte
		resp, b, err = c.outbound.Fetch(ctx, &o.Request)
		body = string(b)
	})
	if err != nil {
		return pushFailure(L, err)
	}
	r := newResponse(resp)
	r.body = body
	L.Push(luaval.NewObject(c.clients.response, r))
	return 1
}

// sendStream is send for a response whose body is read later. It ends with what runs
// now: the request, the background task, the function of rover.parallel.
func (c *client) sendStream(L *lua.LState, o *options) int {
	vm := c.clients.vm
	s := &stream{vm: vm, owner: vm.Caller(), host: o.URL.Host, limit: o.bodyLimit}
	s.owner.AtEnd(s, s.close) // before: when the wait raises the response may be there
	var err error
	s.owner.Await(L, lib.WaitsOn{What: "rover.http " + o.Method, Which: o.URL.Host}, func(ctx context.Context) { s.resp, err = c.outbound.Start(ctx, &o.Request) })
	if err != nil {
		s.owner.Forget(s)
		return pushFailure(L, err)
	}
	r := newResponse(s.resp)
	r.stream = s
	L.Push(luaval.NewObject(c.clients.response, r))
	return 1
}

// pushFailure pushes nil and a message; and when to ask again, if that is known.
func pushFailure(L *lua.LState, err error) int {
	n := luaval.PushFailure(L, err)
	var open *resilience.OpenError
	if !errors.As(err, &open) {
		return n
	}
	L.Push(lua.LNumber(open.RetryAfter()))
	return n + 1
}

// clientMethods are the methods of a client.
func clientMethods() map[string]lua.LGFunction {
	m := make(map[string]lua.LGFunction, len(verbs))
	for name, verb := range verbs {
		m[name] = func(L *lua.LState) int {
			ud, ok := L.Get(1).(*lua.LUserData)
			if ok {
				if c, ok := ud.Value.(*client); ok {
					return verb(c, L, 2)
				}
			}
			luaval.ArgError(L, 1, "client expected, got "+luaval.TypeName(L.Get(1))+" (call client:"+name+"() with a colon)")
			return 0
		}
	}
	return m
}

// carryOn copies what says which request this is part of from the request that it is made
// for, unless the script has set it.
func carryOn(h http.Header, requestID string, in http.Header) {
	const parent, state, id = "Traceparent", "Tracestate", "X-Request-Id"
	if h[id] == nil {
		h[id] = []string{requestID}
	}
	if h[parent] == nil && len(in[parent]) == 1 && validTraceparent(in[parent][0]) {
		h[parent] = []string{in[parent][0]}
		if h[state] == nil && len(in[state]) > 0 {
			h[state] = []string{strings.Join(in[state], ",")}
		}
	}
}

// validTraceparent reports whether s is a traceparent header as W3C Trace Context has
// it: version-traceid-parentid-flags in lower-case hex. Later versions may go on.
func validTraceparent(s string) bool {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	for _, part := range []string{version, trace, parent, flags} {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return false
		}
	}
	return version != "ff" &&
		strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != "" &&
		(len(s) == 55 || version != "00" && s[55] == '-')
}
