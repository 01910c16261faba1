package glua

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// A prototype keeps the names of globals and fields a second time, as Go strings, in a field that is
// not exported. gopher-lua's own compiler fills it; its virtual machine cannot run without.
var stringConstants, protoKnown = func() (uintptr, bool) {
	field, ok := reflect.TypeFor[lua.FunctionProto]().FieldByName("stringConstants")
	return field.Offset, ok && field.Type == reflect.TypeFor[[]string]()
}()

// SetStringConstants gives a prototype the texts of its constants, "" for each that is no string.
func SetStringConstants(p *lua.FunctionProto, texts []string) {
	*(*[]string)(unsafe.Add(unsafe.Pointer(p), stringConstants)) = texts
}
