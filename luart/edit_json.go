package luart

import (
	"bytes"
	"net/http"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// ctxEditJSON is ctx:edit_json(f): returns ctx. It waits for the whole body, as ctx:body, and calls
// f(doc) with its value, as jsonlua.ReadDocument reads it. What f returns, or doc if that is nil, is
// the body then; where nothing has changed that stays as it was, headers and all. f may wait.
// Errors: those of ctx:body and body:json; those of f, after which the body is what it was.
func (vm *VM) ctxEditJSON(L *lua.LState) int {
	x := checkCtx(L)
	f := luaval.CheckFunction(L, 2)
	x.editsFailed++
	b := vm.wholeBody(L, x)
	if err := reqbody.CheckJSON(x.r.Header); err != nil {
		raiseBodyError(L, err)
	}
	doc, err := jsonlua.ReadDocument(L, b.bytes, true)
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, "request body: "+err.Error())
	}
	if _, isTable := doc.Value.(*lua.LTable); !isTable {
		luaval.RaiseStatus(L, http.StatusBadRequest, "request body: an object or an array expected")
	}
	text := vm.edited(L, doc, f, "ctx:edit_json")
	if !bytes.Equal(text, b.bytes) {
		x.setBody(text)
	}
	x.editsFailed--
	return chain(L)
}

// responseEditJSON is res:edit_json(f): returns res. It waits for the whole body, as res:body, and
// calls f(doc) with its value, as jsonlua.ReadDocument reads it. What f returns, or doc if that is
// nil, takes the place of the body, as by res:set_body. f may wait. It is not called where there is
// no body, or an empty one: there is nothing that could be hidden.
//
// Errors: those of res:body; a 502 for a body that is no JSON, or is said to be none, and for an array that f takes
// for an object; those of f.
// None of them lets the body pass that f was to change: see Exchange.editsFailed.
func responseEditJSON(vm *VM, L *lua.LState) int {
	r := checkAnswer(L)
	f := luaval.CheckFunction(L, 2)
	x := vm.cur.x
	if x == nil {
		L.RaiseError("a response is filtered while a request is answered only")
	}
	x.editsFailed++
	text, ok := vm.editedResponse(L, r, f)
	if ok {
		r.setBody(text)
	}
	x.editsFailed--
	L.SetTop(1)
	return 1
}

// editedResponse returns what the body of r is to be; ok is false where there is none.
func (vm *VM) editedResponse(L *lua.LState, r *reply, f *lua.LFunction) (text []byte, ok bool) {
	// A part (206) may have another type than the whole, which is asked for; others are not waited
	// for in vain: an event stream does not end.
	if !r.bodiless() && r.Status != http.StatusPartialContent {
		r.checkJSON(L)
	}
	body, absent := r.wholeBody(vm, L)
	if absent || len(body) == 0 {
		return nil, false
	}
	r.checkJSON(L)
	doc, err := jsonlua.ReadDocument(L, body, false)
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadGateway, "response body: "+err.Error())
	}
	text = vm.edited(L, doc, f, "res:edit_json")
	checkResponse(L, 1) // f may have waited
	if r.from != nil {
		r.from.checkOpen(L)
	}
	return text, true
}

// edited calls f with the value of a document, and returns the text of what that is then.
func (vm *VM) edited(L *lua.LState, doc *jsonlua.Document, f *lua.LFunction, what string) []byte {
	L.Push(f)
	L.Push(doc.Value)
	L.Call(1, 1)
	v := L.Get(-1)
	L.Pop(1)
	if v == lua.LNil {
		v = doc.Value
	}
	text, err := doc.Append(vm.budget, nil, v)
	if err != nil {
		L.RaiseError("%s: %s", what, err)
	}
	return text
}

// checkJSON raises a 502 for a response that is said to be something else than JSON, unless it is
// empty. One without a Content-Type passes.
func (r *reply) checkJSON(L *lua.LState) {
	if said, isJSON := r.SaysJSON(); said && !isJSON && !r.isEmpty() {
		luaval.RaiseStatus(L, http.StatusBadGateway, "response body: Content-Type "+strconv.Quote(r.HeaderMap().Get("Content-Type"))+
			" is not JSON: application/json, or a type that ends in +json")
	}
}

// isEmpty reports whether the response is known to have no bytes in its body.
func (r *reply) isEmpty() bool {
	if r.from == nil {
		return r.Stream == nil && len(r.Body) == 0
	}
	return r.filters == nil && r.from.method != http.MethodHead && r.HeaderMap().Get("Content-Length") == "0"
}
