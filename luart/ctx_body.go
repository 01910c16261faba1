package luart

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// body is what ctx:body() returns: the request's body, read whole. The upstream still
// gets it.
type body struct {
	x     *Exchange
	bytes []byte
	read  bool
	over  bool
}

// ctxBody is ctx:body(). It waits until the whole body is there, and raises a 413
// when it is longer than max_body, as soon as that many bytes have come.
func (vm *VM) ctxBody(L *lua.LState) int {
	x := checkCtx(L)
	if x.body == nil {
		x.body = &body{x: x}
	}
	b := x.body
	if !b.read {
		if x.sent {
			L.RaiseError("the request body has gone on: read it with ctx:body() before the request is passed on or proxied")
		}
		r := x.r
		limit := x.gen.maxBody
		if r.ContentLength > limit {
			raiseStatus(L, http.StatusRequestEntityTooLarge, tooLarge(limit))
		}
		if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
			b.readAll(vm, L, limit)
		}
		b.read = true
	}
	L.Push(newObject(vm.types.body, b))
	return 1
}

// readAll reads the body without the hold, and puts it back in front of what is left
// of it, so that the request can go on whatever came of it.
func (b *body) readAll(vm *VM, L *lua.LState, limit int64) {
	r := b.x.r
	w := b.x.w
	rest := r.Body
	var data []byte
	var err error
	was := b.x.received
	if was != nil {
		was.lost = true // unless this gets to its end
	}
	vm.await(L, func(ctx context.Context) {
		// A read of the connection knows no context: let it time out now.
		rc := http.NewResponseController(w)
		stop := context.AfterFunc(ctx, func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		var buf bytes.Buffer
		if r.ContentLength > 0 {
			buf.Grow(int(r.ContentLength) + bytes.MinRead)
		}
		_, err = buf.ReadFrom(io.LimitReader(rest, limit+1))
		data = buf.Bytes()
	})
	r.Body = &replayed{Reader: io.MultiReader(bytes.NewReader(data), rest), Closer: rest}
	if int64(len(data)) > limit {
		raiseStatus(L, http.StatusRequestEntityTooLarge, tooLarge(limit))
	}
	if err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			raiseStatus(L, http.StatusRequestEntityTooLarge, tooLarge(tooBig.Limit))
		}
		raiseStatus(L, http.StatusBadRequest, "reading the request body: "+err.Error())
	}
	b.bytes = data
	if was != nil {
		was.read, was.isRead, was.lost = data, true, false
	}
}

func tooLarge(limit int64) string {
	return "the request body is larger than " + strconv.FormatInt(limit, 10) + " bytes"
}

// replayed is a body that begins with bytes read before.
type replayed struct {
	io.Reader
	io.Closer
}

// raiseStatus is error{status=…, message=…}.
func raiseStatus(L *lua.LState, status int, message string) {
	t := L.CreateTable(0, 2)
	t.RawSetString("status", lua.LNumber(status))
	t.RawSetString("message", lua.LString(message))
	L.Error(t, 1)
}

func checkBody(L *lua.LState) *body {
	b, ok := L.CheckUserData(1).Value.(*body)
	if !ok {
		L.ArgError(1, "body expected (call body:method() with a colon)")
	}
	if b.over {
		L.RaiseError("the request is over: its body is valid until the handler returns")
	}
	return b
}

func bodyText(L *lua.LState) int {
	L.Push(lua.LString(checkBody(L).bytes))
	return 1
}

// bodyMethods are the methods of a body: text() and bytes() the bytes, len() their
// number, json() the decoded value, form() the first values of a URL-encoded form,
// with :all(name). json and form raise a 400 for what they cannot read, form a 415
// for another content type.
var bodyMethods = map[string]lua.LGFunction{
	"text":  bodyText,
	"bytes": bodyText,
	"len": func(L *lua.LState) int {
		L.Push(lua.LNumber(len(checkBody(L).bytes)))
		return 1
	},
	"json": func(L *lua.LState) int {
		v, err := decodeJSON(L, checkBody(L).bytes)
		if err != nil {
			raiseStatus(L, http.StatusBadRequest, "request body: "+err.Error())
		}
		L.Push(v)
		return 1
	},
	"form": func(L *lua.LState) int {
		b := checkBody(L)
		if ctype := b.x.r.Header.Get("Content-Type"); ctype != "" {
			if kind, _, err := mime.ParseMediaType(ctype); err != nil || kind != "application/x-www-form-urlencoded" {
				raiseStatus(L, http.StatusUnsupportedMediaType, "request body: "+strconv.Quote(ctype)+" is not a URL-encoded form")
			}
		}
		values, err := url.ParseQuery(string(b.bytes))
		if err != nil {
			raiseStatus(L, http.StatusBadRequest, "request body: "+err.Error())
		}
		L.Push(valuesTable(L, values))
		return 1
	},
}

// answerBodyMethods are the methods of a response's body: as those of a request's. json
// raises a 502 for what it cannot read.
var answerBodyMethods = map[string]lua.LGFunction{
	"text":  bodyText,
	"bytes": bodyText,
	"len":   bodyMethods["len"],
	"json": func(L *lua.LState) int {
		v, err := decodeJSON(L, checkBody(L).bytes)
		if err != nil {
			raiseStatus(L, http.StatusBadGateway, "response body: "+err.Error())
		}
		L.Push(v)
		return 1
	},
}
