package luart

import (
	"io"
	"net/http"
	"net/textproto"
	"net/url"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// defaultPartChunkBytes is what part:chunks() gives at once.
const defaultPartChunkBytes = 64 << 10

// ctxMultipart is ctx:multipart(). It waits until the whole body is there, of at most
// max_upload bytes, and returns the parts of a multipart/form-data body as a list, in
// order, with the methods form(), file(name) and files(name). A body longer than 64 KiB
// is kept in a temporary file until the request is over; the upstream still gets it.
// Errors: 415 for another content type, 400 for a malformed body, 413 for one that is too
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
			r = io.TeeReader(r, s)
			var err error
			if parts, err = reqbody.ScanParts(r, boundary); err == nil {
				_, err = io.Copy(io.Discard, r) // what stands behind the closing boundary
			}
			return err
		})
		b.parts, b.parsed = parts, true
	}
	return b.list(vm, L)
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

// list is ctx:multipart() and body:multipart(): the parts, with the methods form(), file(name) and
// files(name), and fields, the table that form() returns. file and files are tables, too, made when
// they are asked for: file.avatar is the first file of that name, files.avatar a list of all.
func (b *body) list(vm *VM, L *lua.LState) int {
	parts := b.parse(vm, L)
	t := L.CreateTable(len(parts), 0)
	for i := range parts {
		t.Append(b.object(vm, &parts[i]))
	}
	made := L.CreateTable(0, 4)
	meta := L.CreateTable(0, 2)
	meta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		name, ok := L.Get(2).(lua.LString)
		if !ok {
			return 0
		}
		v := made.RawGet(name)
		if v == lua.LNil {
			b.check(L)
			v = b.member(vm, L, string(name))
			made.RawSet(name, v)
		}
		L.Push(v)
		return 1
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	t.Metatable = meta
	L.Push(t)
	return 1
}

// member is what the list of parts has beside them, nil for nothing.
func (b *body) member(vm *VM, L *lua.LState, name string) lua.LValue {
	switch name {
	case "form":
		return L.NewFunction(func(L *lua.LState) int {
			b.check(L)
			return b.form(vm, L)
		})
	case "fields":
		b.form(vm, L)
		v := L.Get(-1)
		L.Pop(1)
		return v
	case "file":
		return b.filesByName(vm, L, false)
	case "files":
		return b.filesByName(vm, L, true)
	}
	return lua.LNil
}

// filesByName returns the files among the parts by their names, each as the first one or as a
// list of all. The table is a method as well.
func (b *body) filesByName(vm *VM, L *lua.LState, all bool) *lua.LTable {
	byName := L.NewTable()
	for i := range b.parts {
		p := &b.parts[i]
		if p.Filename == "" {
			continue
		}
		part := b.object(vm, p)
		known := byName.RawGetString(p.Name)
		switch list, isList := known.(*lua.LTable); {
		case isList:
			list.Append(part)
		case known != lua.LNil:
		case all:
			list = L.CreateTable(1, 0)
			list.Append(part)
			byName.RawSetString(p.Name, list)
		default:
			byName.RawSetString(p.Name, part)
		}
	}
	meta := L.CreateTable(0, 2)
	meta.RawSetString("__call", luaval.NewStrippedMethod(L, func(L *lua.LState) int {
		b.check(L)
		L.Remove(1) // the table,
		L.Remove(1) // and the list of parts that it is a method of
		name := luaval.CheckString(L, 1)
		if all {
			return b.files(vm, L, name)
		}
		return b.file(vm, L, name)
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	byName.Metatable = meta
	return byName
}

// form is form() of a multipart body: the values of its fields that are no files.
func (b *body) form(vm *VM, L *lua.LState) int {
	values := url.Values{}
	left := b.x.gen.maxBody
	for _, p := range b.parse(vm, L) {
		if p.Filename != "" {
			continue
		}
		if left -= p.Size; left < 0 {
			luaval.RaiseStatus(L, http.StatusRequestEntityTooLarge, "the fields of the form together: "+reqbody.TooLarge(b.x.gen.maxBody))
		}
		values.Add(p.Name, string(b.piece(vm, L, p.Offset, p.Size)))
	}
	L.Push(luaval.ValuesTable(L, values))
	return 1
}

// file is file(name): the first file of that name, or nil.
func (b *body) file(vm *VM, L *lua.LState, name string) int {
	parts := b.parse(vm, L)
	for i := range parts {
		if p := &parts[i]; p.Name == name && p.Filename != "" {
			L.Push(b.object(vm, p))
			return 1
		}
	}
	L.Push(lua.LNil)
	return 1
}

// files is files(name): a list of the files of that name.
func (b *body) files(vm *VM, L *lua.LState, name string) int {
	parts := b.parse(vm, L)
	t := L.NewTable()
	for i := range parts {
		if p := &parts[i]; p.Name == name && p.Filename != "" {
			t.Append(b.object(vm, p))
		}
	}
	L.Push(t)
	return 1
}

// partOf is a part as a script sees it.
type partOf struct {
	*reqbody.Part
	b *body
}

func (b *body) object(vm *VM, p *reqbody.Part) lua.LValue {
	return luaval.NewObject(vm.types.part, &partOf{p, b})
}

func checkPart(L *lua.LState) *partOf {
	ud, _ := L.Get(1).(*lua.LUserData)
	if ud != nil {
		if p, ok := ud.Value.(*partOf); ok {
			p.b.check(L)
			return p
		}
	}
	luaval.ArgError(L, 1, "part expected, got "+luaval.TypeName(L.Get(1))+" (call part:method() with a colon)")
	return nil
}

// partField is part.name for what is not a method: name, filename (nil for a field that is
// no file; never a path), content_type or type (nil if the client named none), headers (found in
// any case), size in bytes, and data, which is text().
func partField(L *lua.LState) int {
	p := checkPart(L)
	v := lua.LNil
	switch L.Get(2) {
	case lua.LString("name"):
		v = lua.LString(p.Name)
	case lua.LString("filename"):
		if p.Filename != "" {
			v = lua.LString(p.Filename)
		}
	case lua.LString("data"):
		v = lua.LString(p.b.section(p.b.x.gen.vm, L, p.Offset, p.Size))
	case lua.LString("content_type"), lua.LString("type"):
		v = luaval.FirstValue(p.Header[textproto.CanonicalMIMEHeaderKey("Content-Type")])
	case lua.LString("headers"):
		v = luaval.HeaderTable(L, http.Header(p.Header))
	case lua.LString("size"):
		v = lua.LNumber(p.Size)
	}
	L.Push(v)
	return 1
}

// partMethods are the methods of a part. They wait where the body is in a file.
//
//	text() -> the part's bytes; more than max_body raise a 413
//	chunks([size]) -> an iterator over pieces of size bytes (64 KiB, at most 16 MiB)
func partMethods(vm *VM) map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"text": func(L *lua.LState) int {
			p := checkPart(L)
			L.Push(lua.LString(p.b.section(vm, L, p.Offset, p.Size)))
			return 1
		},
		"chunks": func(L *lua.LState) int {
			p := checkPart(L)
			size := int64(luaval.CheckReadSize(L, 2, defaultPartChunkBytes))
			var done int64
			L.Push(L.NewFunction(func(L *lua.LState) int {
				p.b.check(L)
				n := min(size, p.Size-done)
				if n == 0 {
					L.Push(lua.LNil)
					return 1
				}
				at := p.Offset + done
				done += n
				L.Push(lua.LString(p.b.piece(vm, L, at, n)))
				return 1
			}))
			return 1
		},
	}
}
