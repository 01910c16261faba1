package luart

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/urltext"
)

// body is a request's body as a script sees it. What ctx:body() returns is one whose
// bytes have been read. The upstream still gets the body. It is the holder's.
type body struct {
	x      *Exchange
	bytes  []byte
	loaded bool // bytes are the whole body
	absent bool // a response's: it can have none (see bodiless)
	isJSON bool // it is said to be JSON
	over   bool

	kept   *reqbody.Spool // the whole body, once it has been read
	busy   chan struct{}  // closed when the reading that is under way has ended; nil: none is
	parts  []reqbody.Part // of a multipart body
	parsed bool
	failed [2]*reqbody.Error // why it could not be read: whole, and as a form
}

// The two ways to read a body.
const (
	readWhole = iota
	readForm
)

// maxFirstBytes of a body have a place before they are there.
const maxFirstBytes = 64 << 10

// ctxBody is ctx:body(). It waits until the whole body is there, and raises a 413
// when it is longer than max_body, as soon as that many bytes have come.
func (vm *VM) ctxBody(L *lua.LState) int {
	x := checkCtx(L)
	b := vm.wholeBody(L, x)
	b.isJSON = x.saysJSON()
	L.Push(luaval.NewObject(vm.types.body, b))
	return 1
}

// wholeBody returns the request's body once its bytes have been read, as ctxBody says.
func (vm *VM) wholeBody(L *lua.LState, x *Exchange) *body {
	b := vm.settledBody(L, x)
	if !b.loaded {
		limit := x.gen.maxBody
		if b.kept == nil {
			length := x.r.ContentLength
			b.fetch(vm, L, readWhole, limit, func(r io.Reader, s *reqbody.Spool) error {
				var buf bytes.Buffer
				if length > 0 {
					// A client has the length for nothing: memory comes with the bytes.
					buf.Grow(int(min(length, maxFirstBytes)) + bytes.MinRead)
				}
				_, err := buf.ReadFrom(r)
				s.Mem, s.Size = buf.Bytes(), int64(buf.Len())
				return err
			})
		}
		b.bytes = b.section(vm, L, 0, b.kept.Size)
		b.loaded = true
	}
	return b
}

// settledBody returns the request's body when nobody is reading it.
func (vm *VM) settledBody(L *lua.LState, x *Exchange) *body {
	for {
		b := x.upload.body
		switch {
		case b == nil:
			b = &body{x: x}
			x.upload.body = b
			x.upload.bodies = append(x.upload.bodies, b)
		case b.busy != nil: // another function of rover.parallel
			x.checkOwn(L)
			busy := b.busy
			vm.await(L, waitsOn{what: "ctx:body of another function"}, func(ctx context.Context) {
				select {
				case <-busy:
				case <-ctx.Done():
				}
			})
			continue
		}
		return b
	}
}

// checkOwn raises when somebody else's function runs, which may outlive the request.
func (x *Exchange) checkOwn(L *lua.LState) {
	if x.gen.vm.cur.x != x {
		L.RaiseError("the request body must be read by the request's own functions: read it before rover.spawn")
	}
}

// fetch reads the body without the hold: read, which touches no Lua value, puts what it
// reads, limit bytes at most, into the spool. Then fetch puts the body back in front of
// what is left of it, so that the request can go on whatever came of it. It raises a 413
// for a longer body, as soon as that is known, a 400 for one that cannot be read, a 408
// for one that comes too slowly, a 503 when too many are on their way, and the *reqbody.Error
// that read returns.
func (b *body) fetch(vm *VM, L *lua.LState, how int, limit int64, read func(io.Reader, *reqbody.Spool) error) {
	x := b.x
	x.checkOwn(L)
	if x.forward.sent && !route.IsExtendedConnect(x.r) { // whose body is a tunnel, and stays what it is
		L.RaiseError("the request body has gone on: read it with ctx:body() or ctx:multipart() before the request is passed on or proxied")
	}
	if why := b.failed[how]; why != nil {
		raiseBodyError(L, why)
	}
	r, w, was := x.r, x.w, x.upload.received
	if r.ContentLength > limit {
		luaval.RaiseStatus(L, http.StatusRequestEntityTooLarge, reqbody.TooLarge(limit))
	}
	s := &reqbody.Spool{Open: &vm.spools}
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 || route.IsExtendedConnect(r) {
		if err := read(http.NoBody, s); err != nil {
			raiseBodyError(L, err)
		}
		b.kept = s
		return
	}
	rest := r.Body
	left := io.Reader(rest)
	x.upload.spools = append(x.upload.spools, s)
	busy := make(chan struct{})
	b.busy = busy
	if was != nil {
		was.lost = true // unless this gets to its end
	}
	defer func() { // also when the wait is cut short
		close(busy)
		b.busy = nil
		switch {
		case x.upload.body != b: // ctx:set_body, meanwhile
		case b.kept != nil:
			r.Body = s.Body(rest)
		default:
			r.Body = &reqbody.Prefixed{Reader: io.MultiReader(s.Reader(), left), Rest: rest}
		}
	}()
	var err error
	from := x.paced(rest)
	vm.await(L, waitsOn{what: "ctx:body", receives: true}, func(ctx context.Context) {
		// A read of the connection knows no context: let it time out now.
		rc := http.NewResponseController(w)
		stop := onEnd(ctx, func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		err = read(reqbody.Limited(from, limit), s)
	})
	var disk *reqbody.SpoolError
	switch {
	case errors.As(err, &disk):
		left = reqbody.Failed{Err: err} // a piece of it is missing
		L.RaiseError("%s", err)
	case err != nil:
		b.failed[how] = reqbody.AsError(err)
		raiseBodyError(L, err)
	}
	b.kept = s
	if was != nil {
		was.kept, was.lost = s, false
	}
}

// section returns size bytes of the body, which has been read. It waits where they are in
// a file, and raises a 413 when they are more than max_body.
func (b *body) section(vm *VM, L *lua.LState, offset, size int64) []byte {
	if limit := b.x.gen.maxBody; size > limit {
		luaval.RaiseStatus(L, http.StatusRequestEntityTooLarge, reqbody.TooLarge(limit))
	}
	return b.piece(vm, L, offset, size)
}

// piece is section without a limit.
func (b *body) piece(vm *VM, L *lua.LState, offset, size int64) []byte {
	s := b.kept
	if s.File == nil {
		return s.Mem[offset : offset+size]
	}
	p := make([]byte, size)
	var err error
	vm.await(L, waitsOn{what: "file of the request body"}, func(context.Context) { _, err = io.ReadFull(io.NewSectionReader(s, offset, size), p) })
	if err != nil {
		L.RaiseError("reading the request body that was kept: %s", err)
	}
	return p
}

func raiseBodyError(L *lua.LState, err error) {
	bad := reqbody.AsError(err)
	luaval.RaiseStatus(L, bad.Status, bad.Text)
}

func checkBody(L *lua.LState) *body {
	b, ok := luaval.CheckUserData(L, 1).Value.(*body)
	if !ok {
		luaval.ArgError(L, 1, "body expected (call body:method() with a colon)")
	}
	b.check(L)
	return b
}

// check raises when the request is over.
func (b *body) check(L *lua.LState) {
	if b.over {
		L.RaiseError("%s", errBodyOver)
	}
}

func bodyText(L *lua.LState) int {
	L.Push(lua.LString(checkBody(L).bytes))
	return 1
}

func bodyLen(L *lua.LState) int {
	L.Push(lua.LNumber(len(checkBody(L).bytes)))
	return 1
}

// bodyMethods are the methods of a body: text(), bytes() and as_string() the bytes, len() their
// number, json() and raw() the decoded value, form() the first values of a form, with :all(name).
// json and form raise a 400 for what they cannot read, and a 415 for another content
// type. multipart, file and files are in ctx_multipart.go, expect in body_expect.go.
func bodyMethods(vm *VM) map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"text":      bodyText,
		"bytes":     bodyText,
		"as_string": bodyText,
		"len":       bodyLen,
		"json":      decodeBodyJSON,
		"raw":       decodeBodyJSON,
		"form": func(L *lua.LState) int {
			b := checkBody(L)
			inParts, err := reqbody.CheckForm(b.x.r.Header)
			if err != nil {
				raiseBodyError(L, err)
			}
			if inParts {
				L.Push(b.multipart(vm, L).Fields(L))
				return 1
			}
			values, err := urltext.ParsePairs(string(b.bytes))
			if err != nil {
				luaval.RaiseStatus(L, http.StatusBadRequest, "request body: "+err.Error())
			}
			if err := reqbody.CheckCharset(values); err != nil {
				raiseBodyError(L, err)
			}
			L.Push(luaval.ValuesTable(L, values))
			return 1
		},
		"multipart": func(L *lua.LState) int {
			L.Push(checkBody(L).multipart(vm, L).List(L))
			return 1
		},
		"file": func(L *lua.LState) int {
			b, name := checkBody(L), luaval.CheckString(L, 2)
			L.Push(b.multipart(vm, L).File(name))
			return 1
		},
		"files": func(L *lua.LState) int {
			b, name := checkBody(L), luaval.CheckString(L, 2)
			L.Push(b.multipart(vm, L).Files(L, name))
			return 1
		},
		"expect": bodyExpect,
	}
}

// decodeBodyJSON is body:json([options]).
func decodeBodyJSON(L *lua.LState) int {
	b := checkBody(L)
	L.Push(asDocument(bodyJSON(L, b, jsonlua.CheckOptions(L, 2))))
	return 1
}

// bodyJSON returns the body decoded. It raises a 415 for one that is said to be something else, and
// a 400 for one that cannot be read.
func bodyJSON(L *lua.LState, b *body, o jsonlua.Options) lua.LValue {
	if err := reqbody.CheckJSON(b.x.r.Header); err != nil {
		raiseBodyError(L, err)
	}
	o.Strict = true // an upstream reads it again
	v, err := jsonlua.DecodeWith(L, b.bytes, o)
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, "request body: "+err.Error())
	}
	return v
}

// answerBodyMethods are the methods of a response's body: as those of a request's. json
// raises a 502 for what it cannot read. Of a body that cannot be it ends an after hook,
// without an error: what the hook does for JSON has no meaning there.
var answerBodyMethods = map[string]lua.LGFunction{
	"text":      bodyText,
	"bytes":     bodyText,
	"as_string": bodyText,
	"len":       bodyLen,
	"json":      decodeAnswerJSON,
	"raw":       decodeAnswerJSON,
}

func decodeAnswerJSON(L *lua.LState) int {
	b := checkBody(L)
	if b.absent {
		b.raiseAbsent(L)
	}
	v, err := jsonlua.DecodeWith(L, b.bytes, jsonlua.CheckOptions(L, 2))
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadGateway, "response body: "+err.Error())
	}
	L.Push(v)
	return 1
}
