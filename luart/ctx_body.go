package luart

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
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
	over   bool

	kept   *spool        // the whole body, once it has been read
	busy   chan struct{} // closed when the reading that is under way has ended; nil: none is
	parts  []part        // of a multipart body
	parsed bool
	failed [2]*bodyError // why it could not be read: whole, and as a form
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
	b := vm.settledBody(L, x)
	if !b.loaded {
		limit := x.gen.maxBody
		if b.kept == nil {
			length := x.r.ContentLength
			b.fetch(vm, L, readWhole, limit, func(r io.Reader, s *spool) error {
				var buf bytes.Buffer
				if length > 0 {
					// A client has the length for nothing: memory comes with the bytes.
					buf.Grow(int(min(length, maxFirstBytes)) + bytes.MinRead)
				}
				_, err := buf.ReadFrom(r)
				s.mem, s.size = buf.Bytes(), int64(buf.Len())
				return err
			})
		}
		b.bytes = b.section(vm, L, 0, b.kept.size)
		b.loaded = true
	}
	L.Push(luaval.NewObject(vm.types.body, b))
	return 1
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
// for one that comes too slowly, a 503 when too many are on their way, and the *bodyError
// that read returns.
func (b *body) fetch(vm *VM, L *lua.LState, how int, limit int64, read func(io.Reader, *spool) error) {
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
		luaval.RaiseStatus(L, http.StatusRequestEntityTooLarge, tooLarge(limit))
	}
	s := &spool{open: &vm.spools}
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
			r.Body = s.body(rest)
		default:
			r.Body = &prefixedBody{Reader: io.MultiReader(s.reader(), left), rest: rest}
		}
	}()
	var err error
	from := x.paced(rest)
	vm.await(L, waitsOn{what: "ctx:body", receives: true}, func(ctx context.Context) {
		// A read of the connection knows no context: let it time out now.
		rc := http.NewResponseController(w)
		stop := onEnd(ctx, func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		err = read(&limitedReader{r: from, left: limit, limit: limit}, s)
	})
	var disk *spoolError
	switch {
	case errors.As(err, &disk):
		left = failedReader{err} // a piece of it is missing
		L.RaiseError("%s", err)
	case err != nil:
		b.failed[how] = asBodyError(err)
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
		luaval.RaiseStatus(L, http.StatusRequestEntityTooLarge, tooLarge(limit))
	}
	return b.piece(vm, L, offset, size)
}

// piece is section without a limit.
func (b *body) piece(vm *VM, L *lua.LState, offset, size int64) []byte {
	s := b.kept
	if s.file == nil {
		return s.mem[offset : offset+size]
	}
	p := make([]byte, size)
	var err error
	vm.await(L, waitsOn{what: "file of the request body"}, func(context.Context) { _, err = io.ReadFull(io.NewSectionReader(s, offset, size), p) })
	if err != nil {
		L.RaiseError("reading the request body that was kept: %s", err)
	}
	return p
}

// limitedReader reads limit bytes, and one more together with a 413: nothing that was
// taken from the connection is lost.
type limitedReader struct {
	r           io.Reader
	left, limit int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		l.left = 0
		return n, &bodyError{http.StatusRequestEntityTooLarge, tooLarge(l.limit)}
	}
	return n, err
}

// failedReader always fails.
type failedReader struct{ err error }

func (r failedReader) Read([]byte) (int, error) { return 0, r.err }

// bodyError says what is wrong with a body, and the status that the client gets for it.
type bodyError struct {
	status int
	text   string
}

func (e *bodyError) Error() string { return e.text }

// asBodyError returns err, from reading a body, as a bodyError.
func asBodyError(err error) *bodyError {
	var bad *bodyError
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &bad):
		return bad
	case errors.As(err, &tooBig):
		return &bodyError{http.StatusRequestEntityTooLarge, tooLarge(tooBig.Limit)}
	}
	return &bodyError{http.StatusBadRequest, "reading the request body: " + err.Error()}
}

func raiseBodyError(L *lua.LState, err error) {
	bad := asBodyError(err)
	luaval.RaiseStatus(L, bad.status, bad.text)
}

func tooLarge(limit int64) string {
	return "the request body is larger than " + strconv.FormatInt(limit, 10) + " bytes"
}

func checkBody(L *lua.LState) *body {
	b, ok := L.CheckUserData(1).Value.(*body)
	if !ok {
		L.ArgError(1, "body expected (call body:method() with a colon)")
	}
	b.check(L)
	return b
}

// check raises when the request is over.
func (b *body) check(L *lua.LState) {
	if b.over {
		L.RaiseError("the request is over: its body is valid until the handler returns")
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

// bodyMethods are the methods of a body: text() and bytes() the bytes, len() their
// number, json() the decoded value, form() the first values of a form, with :all(name).
// json and form raise a 400 for what they cannot read, form a 415 for another content
// type. multipart, file and files are in ctx_multipart.go, expect in body_expect.go.
func bodyMethods(vm *VM) map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"text":  bodyText,
		"bytes": bodyText,
		"len":   bodyLen,
		"json": func(L *lua.LState) int {
			L.Push(bodyJSON(L, checkBody(L)))
			return 1
		},
		"form": func(L *lua.LState) int {
			b := checkBody(L)
			kind, _, err := formType(b.x.r.Header)
			switch {
			case err != nil:
				raiseBodyError(L, err)
			case kind == "multipart/form-data":
				return b.form(vm, L)
			case kind != "" && kind != "application/x-www-form-urlencoded":
				luaval.RaiseStatus(L, http.StatusUnsupportedMediaType, "request body: "+strconv.Quote(b.x.r.Header.Get("Content-Type"))+" is not a form")
			}
			values, err := urltext.ParsePairs(string(b.bytes))
			if err != nil {
				luaval.RaiseStatus(L, http.StatusBadRequest, "request body: "+err.Error())
			}
			L.Push(luaval.ValuesTable(L, values))
			return 1
		},
		"multipart": func(L *lua.LState) int { return checkBody(L).list(vm, L) },
		"file":      func(L *lua.LState) int { return checkBody(L).file(vm, L) },
		"files":     func(L *lua.LState) int { return checkBody(L).files(vm, L) },
		"expect":    bodyExpect,
	}
}

// bodyJSON returns the body decoded, or raises a 400.
func bodyJSON(L *lua.LState, b *body) lua.LValue {
	v, err := jsonlua.Decode(L, b.bytes)
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, "request body: "+err.Error())
	}
	return v
}

// answerBodyMethods are the methods of a response's body: as those of a request's. json
// raises a 502 for what it cannot read. Of a body that cannot be it ends an after hook,
// without an error: what the hook does for JSON has no meaning there.
var answerBodyMethods = map[string]lua.LGFunction{
	"text":  bodyText,
	"bytes": bodyText,
	"len":   bodyLen,
	"json": func(L *lua.LState) int {
		b := checkBody(L)
		if b.absent {
			b.raiseAbsent(L)
		}
		v, err := jsonlua.Decode(L, b.bytes)
		if err != nil {
			luaval.RaiseStatus(L, http.StatusBadGateway, "response body: "+err.Error())
		}
		L.Push(v)
		return 1
	},
}
