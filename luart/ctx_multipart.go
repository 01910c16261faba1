package luart

import (
	"io"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/formdata"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// ctxMultipart is ctx:multipart(). It waits until the whole body is there, of at most
// max_upload bytes, and returns the parts of a multipart/form-data body as a list, in
// order, with the methods form(), file(name) and files(name). A body longer than 64 KiB
// is kept in a temporary file until the request is over; the upstream still gets it.
// Errors: 415 for another content type, 400 for a body that is malformed or can be read in several ways, 413 for one that is too
// long or has too many parts, as soon as that is known.
func (vm *VM) ctxMultipart(L *lua.LState) int {
	x := checkCtx(L)
	boundary, err := reqbody.MultipartBoundary(x.r.Header)
	if err != nil {
		raiseBodyError(L, err)
	}
	b := vm.settledBody(L, x)
	if b.kept == nil {
		var parts []reqbody.Part
		b.fetch(vm, L, readForm, x.gen.maxUpload, func(r io.Reader, s *reqbody.Spool) error {
			var err error
			parts, err = reqbody.ScanParts(io.TeeReader(r, s), boundary)
			return err
		})
		b.parts, b.parsed = parts, true
	}
	L.Push(b.multipart(vm, L).List(L))
	return 1
}

// parse finds the parts of a body that has been read.
func (b *body) parse(vm *VM, L *lua.LState) []reqbody.Part {
	if b.parsed {
		return b.parts
	}
	boundary, err := reqbody.MultipartBoundary(b.x.r.Header)
	if err != nil {
		raiseBodyError(L, err)
	}
	// Lua has read it whole or set it: it is in memory.
	parts, err := reqbody.ScanParts(pacedReader{b.kept.Reader(), L}, boundary)
	if err != nil {
		raiseBodyError(L, err)
	}
	b.parts, b.parsed = parts, true
	return parts
}

// pacedReader looks at the burst each time that it is read.
type pacedReader struct {
	io.Reader
	L *lua.LState
}

func (r pacedReader) Read(p []byte) (int, error) {
	luaval.CheckBurst(r.L)
	return r.Reader.Read(p)
}

// multipart is the body's parts, once they have been found.
func (b *body) multipart(vm *VM, L *lua.LState) *formdata.Form {
	return &formdata.Form{Type: vm.types.part, Body: multipartBody{b}, Parts: b.parse(vm, L)}
}

// multipartBody is a body as the objects of its parts see it.
type multipartBody struct{ *body }

func (m multipartBody) Check(L *lua.LState) { m.check(L) }

func (m multipartBody) Limit() int64 { return m.x.gen.maxBody }

func (m multipartBody) Piece(L *lua.LState, offset, size int64) []byte {
	return m.piece(m.x.gen.vm, L, offset, size)
}
