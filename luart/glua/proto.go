package glua

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// A prototype keeps the names of globals and fields a second time, as Go strings, in a field that
// is not exported. gopher-lua's own compiler fills it; its virtual machine cannot run without.
var stringConstants, protoKnown = func() (uintptr, bool) {
	field, ok := reflect.TypeFor[lua.FunctionProto]().FieldByName("stringConstants")
	return field.Offset, ok && field.Type == reflect.TypeFor[[]string]()
}()

// SetStringConstants gives a prototype the texts of its constants, "" for each that is no string.
func SetStringConstants(p *lua.FunctionProto, texts []string) {
	*(*[]string)(unsafe.Add(unsafe.Pointer(p), stringConstants)) = texts
}

// mainChunk is a bit of FunctionProto.IsVarArg, whose own bits are 1, 2 and 4: the prototype is
// that of a whole chunk, and not of a function in it. Whole chunks take "..." in any case.
const mainChunk = 1 << 7

// MarkMain says that p is the prototype of a whole chunk.
func MarkMain(p *lua.FunctionProto) { p.IsVarArg |= mainChunk }

// IsMain reports whether p is the prototype of a whole chunk.
func IsMain(p *lua.FunctionProto) bool { return p.IsVarArg&mainChunk != 0 }
