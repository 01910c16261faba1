// Package formdata shows scripts the parts of a multipart/form-data body.
package formdata

import (
	"net/http"
	"net/textproto"
	"net/url"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// defaultPartChunkBytes is what part:chunks() gives at once.
const defaultPartChunkBytes = 64 << 10

// Body is a body that has been read.
type Body interface {
	// Check raises when the request is over.
	Check(L *lua.LState)
	// Piece returns bytes of it. It waits where they are in a file.
	Piece(L *lua.LState, offset, size int64) []byte
	// Limit is how many bytes of it a script may have at once.
	Limit() int64
}

// Form is what a body consists of.
type Form struct {
	Type  *lua.LTable // made by NewType
	Body  Body
	Parts []reqbody.Part
}

// NewType returns the type of parts, for all that is made in a VM.
func NewType(L *lua.LState) *lua.LTable {
	t := luaval.NewType(L, "part", partMethods, partField)
	luaval.NoteFields(L, "part", "name", "filename", "data", "content_type", "type", "headers", "size")
	return t
}

// List is what ctx:multipart() and body:multipart() return: the parts, with the methods form(),
// file(name) and files(name), and fields, the table that form() returns. file and files are tables,
// too, made when they are asked for: file.avatar is the first file of that name, files.avatar a list
// of all.
func (f *Form) List(L *lua.LState) *lua.LTable {
	t := L.CreateTable(len(f.Parts), 0)
	for i := range f.Parts {
		t.Append(f.object(&f.Parts[i]))
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
			f.Body.Check(L)
			v = f.member(L, string(name))
			made.RawSet(name, v)
		}
		L.Push(v)
		return 1
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	t.Metatable = meta
	return t
}

// member is what the list of parts has beside them, nil for nothing.
func (f *Form) member(L *lua.LState, name string) lua.LValue {
	switch name {
	case "form":
		return L.NewFunction(func(L *lua.LState) int {
			f.Body.Check(L)
			L.Push(f.Fields(L))
			return 1
		})
	case "fields":
		return f.Fields(L)
	case "file":
		return f.filesByName(L, false)
	case "files":
		return f.filesByName(L, true)
	}
	return lua.LNil
}

// filesByName returns the files among the parts by their names, each as the first one or as a
// list of all. The table is a method as well.
func (f *Form) filesByName(L *lua.LState, all bool) *lua.LTable {
	byName := L.NewTable()
	for i := range f.Parts {
		p := &f.Parts[i]
		if p.Filename == "" {
			continue
		}
		part := f.object(p)
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
		f.Body.Check(L)
		L.Remove(1) // the table,
		L.Remove(1) // and the list of parts that it is a method of
		name := luaval.CheckString(L, 1)
		if all {
			L.Push(f.Files(L, name))
		} else {
			L.Push(f.File(name))
		}
		return 1
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	byName.Metatable = meta
	return byName
}

// Fields is form() of a multipart body: the values of its fields that are no files.
func (f *Form) Fields(L *lua.LState) lua.LValue {
	values := url.Values{}
	left := f.Body.Limit()
	for _, p := range f.Parts {
		if p.Filename != "" {
			continue
		}
		if left -= p.Size; left < 0 {
			luaval.RaiseStatus(L, http.StatusRequestEntityTooLarge, "the fields of the form together: "+reqbody.TooLarge(f.Body.Limit()))
		}
		values.Add(p.Name, string(f.Body.Piece(L, p.Offset, p.Size)))
	}
	return luaval.ValuesTable(L, values)
}

// File is file(name): the first file of that name, or nil.
func (f *Form) File(name string) lua.LValue {
	for i := range f.Parts {
		if p := &f.Parts[i]; p.Name == name && p.Filename != "" {
			return f.object(p)
		}
	}
	return lua.LNil
}

// Files is files(name): a list of the files of that name.
func (f *Form) Files(L *lua.LState, name string) *lua.LTable {
	t := L.NewTable()
	for i := range f.Parts {
		if p := &f.Parts[i]; p.Name == name && p.Filename != "" {
			t.Append(f.object(p))
		}
	}
	return t
}

// partOf is a part as a script sees it.
type partOf struct {
	*reqbody.Part
	b Body
}

func (f *Form) object(p *reqbody.Part) lua.LValue {
	return luaval.NewObject(f.Type, &partOf{p, f.Body})
}

// bytes are the part's bytes. They raise a 413 when they are more than the limit.
func (p *partOf) bytes(L *lua.LState) []byte {
	if limit := p.b.Limit(); p.Size > limit {
		luaval.RaiseStatus(L, http.StatusRequestEntityTooLarge, reqbody.TooLarge(limit))
	}
	return p.b.Piece(L, p.Offset, p.Size)
}

func checkPart(L *lua.LState) *partOf {
	ud, _ := L.Get(1).(*lua.LUserData)
	if ud != nil {
		if p, ok := ud.Value.(*partOf); ok {
			p.b.Check(L)
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
		v = lua.LString(p.bytes(L))
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
var partMethods = map[string]lua.LGFunction{
	"text": func(L *lua.LState) int {
		p := checkPart(L)
		L.Push(lua.LString(p.bytes(L)))
		return 1
	},
	"chunks": func(L *lua.LState) int {
		p := checkPart(L)
		size := int64(luaval.CheckReadSize(L, 2, defaultPartChunkBytes))
		var done int64
		L.Push(L.NewFunction(func(L *lua.LState) int {
			p.b.Check(L)
			n := min(size, p.Size-done)
			if n == 0 {
				L.Push(lua.LNil)
				return 1
			}
			at := p.Offset + done
			done += n
			L.Push(lua.LString(p.b.Piece(L, at, n)))
			return 1
		}))
		return 1
	},
}
