package html

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Limits of one template, and of what is kept compiled.
const (
	MaxBytes = 1 << 20

	// MaxCodeBytes is all Lua in the tags together, and MaxTags their number. Compiling them holds
	// the VM.
	MaxCodeBytes = 32 << 10
	MaxTags      = 4096

	// A script has as many templates as it has components and pages. One that builds template texts
	// at run time must not fill the memory with them.
	maxCached      = 256
	maxCachedBytes = 8 << 20
)

// outName is the function that a compiled template writes with: outName(text), or outName(value,
// escape).
const outName = "_rover_out"

// fragment is a text that is HTML already. Lua has it as a userdata and cannot make one but by a
// template.
type fragment string

// PlainText is the fragment as a JSON value.
func (f fragment) PlainText() string { return string(f) }

// Text returns the text of a value that a template made; ok is false for any other value.
func Text(v lua.LValue) (text string, ok bool) {
	if ud, isUserData := v.(*lua.LUserData); isUserData {
		fragment, isFragment := ud.Value.(fragment)
		return string(fragment), isFragment
	}
	return "", false
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

// Templates is the template engine of one generation. Only the holder may call its methods.
//
// A template is text with Lua in it:
//
//	{{ expression }}     its value, HTML-escaped; nil is nothing; a template's value is not escaped again; a table
//	                     without __tostring, a function and the like are errors
//	{{{ expression }}}   the same, never escaped
//	{{ statement }}      runs: what starts with for, if, elseif, else, end, while, local, repeat, until, do, function,
//	                     break or return, and assignments; a block may go on over many tags
//	{{ -- comment }}     nothing, to the end of the line or tag; {{ --[[ comment ]] }}
//	{{ "{{" }}           the only way to write two braces
//
// A name in a tag is a local of the template, else a field of the data, else a component (a field
// of rover.html), else a global of the script. Assigning to one that is no local lasts until the
// end of this rendering.
type Templates struct {
	globals    *lua.LTable
	components *lua.LTable // rover.html; nil before open
	fragments  *lua.LTable // metatable of fragments; nil before open
	cached     map[string]*lua.FunctionProto
	bytes      int // of the keys of cached
}

// NewTemplates returns the engine for the scripts that have env as globals.
func NewTemplates(env *lua.LTable) *Templates {
	return &Templates{globals: env, cached: map[string]*lua.FunctionProto{}}
}

// Open returns the rover.html table, once.
//
//	rover.html(data)(template) -> html          so: rover.html(data) [[ <p>{{ text }}</p> ]]
//		data is a table or nil. tostring(html) is the text, which JSON has, too; #html and html:find(…) are of the
//		text; html .. string escapes the string; api.html(html) and a handler that returns it answer with it.
//	function rover.html.name(props) return rover.html(props) [[ … ]] end
//		Makes a component: {{ name { title = "x" } }} in any template of the script.
//
// Errors in a template name its line ("template:3: …") and go on as Lua errors, error objects as
// they are.
func (t *Templates) Open(L *lua.LState) *lua.LTable {
	t.fragments = L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"__tostring": func(L *lua.LState) int {
			text, _ := Text(L.Get(1))
			L.Push(lua.LString(text))
			return 1
		},
		"__concat": t.concat,
		"__len": func(L *lua.LState) int {
			text, _ := Text(L.Get(1))
			L.Push(lua.LNumber(len(text)))
			return 1
		},
		"__index": stringMethod,
	})
	t.fragments.RawSetString("__metatable", lua.LString("html"))

	meta := L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{"__call": t.call})
	meta.RawSetString("__metatable", lua.LString("html"))
	t.components = L.NewTable()
	t.components.Metatable = meta
	return t.components
}

// call is rover.html(data).
func (t *Templates) call(L *lua.LState) int {
	data, ok := L.Get(2).(*lua.LTable)
	if !ok && L.Get(2) != lua.LNil {
		L.RaiseError("bad argument #1 to html (table expected, got %s)", L.Get(2).Type())
	}
	L.Push(L.NewFunction(func(L *lua.LState) int {
		text, err := t.Render(L, data, luaval.CheckString(L, 1))
		if err != nil {
			L.RaiseError("%s", err.Error())
		}
		L.Push(t.fragment(text))
		return 1
	}))
	return 1
}

// fragment returns text as a Lua value that templates do not escape. Only the holder may call it,
// after open.
func (t *Templates) fragment(text string) *lua.LUserData {
	return &lua.LUserData{Value: fragment(text), Env: t.globals, Metatable: t.fragments}
}

// stringMethod is html:upper() and its like: what a string has, of the text. The result is a string,
// which templates escape.
func stringMethod(L *lua.LState) int {
	text, _ := Text(L.Get(1))
	method := L.GetTable(lua.LString(text), L.Get(2))
	if method.Type() != lua.LTFunction {
		L.Push(method)
		return 1
	}
	L.Push(L.NewFunction(func(L *lua.LState) int {
		n := L.GetTop()
		L.Push(method)
		for i := 1; i <= n; i++ {
			v := L.Get(i)
			if text, ok := Text(v); ok {
				v = lua.LString(text)
			}
			L.Push(v)
		}
		L.Call(n, lua.MultRet)
		return L.GetTop() - n
	}))
	return 1
}

// concat is .. with a fragment on one side: the other one is escaped unless it is a fragment too.
func (t *Templates) concat(L *lua.LState) int {
	var both strings.Builder
	for i := 1; i <= 2; i++ {
		v := L.Get(i)
		if _, ok := Text(v); !ok && !lua.LVCanConvToString(v) {
			L.RaiseError("attempt to concatenate a %s value with html", v.Type())
		}
		t.write(L, &both, v, true)
	}
	L.Push(t.fragment(both.String()))
	return 1
}

// Render returns the template src with data, which may be nil. An error is one of the template's
// text; what goes wrong while it runs is raised in L. It may wait, in a function that the template
// calls.
func (t *Templates) Render(L *lua.LState, data *lua.LTable, src string) (string, error) {
	proto, err := t.compiled(src)
	if err != nil {
		return "", err
	}
	if proto == nil {
		return src, nil
	}
	var out strings.Builder
	fn := L.NewFunctionFromProto(proto)
	fn.Env = t.scope(L, data)
	L.Push(fn)
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if L.GetTop() == 1 {
			text := luaval.CheckString(L, 1)
			luaval.CheckSize(L, out.Len()+len(text))
			out.WriteString(text)
			return 0
		}
		t.write(L, &out, L.Get(1), L.ToBool(2))
		return 0
	}))
	L.Call(1, 0)
	return out.String(), nil
}

// write appends what a tag with the value v shows.
func (t *Templates) write(L *lua.LState, out *strings.Builder, v lua.LValue, escape bool) {
	text, isFragment := Text(v)
	switch v.Type() {
	case lua.LTNil:
		return
	case lua.LTNumber: // an id of 16 digits is not cut
		text = luaval.ExactString(v.(lua.LNumber))
	case lua.LTString, lua.LTBool:
		text = luaval.ToString(L, v)
	default:
		if isFragment {
			break
		}
		if L.GetMetaField(v, "__tostring") == lua.LNil {
			L.RaiseError("a %s cannot be shown", v.Type())
		}
		text = luaval.ToString(L, v)
	}
	if escape && !isFragment {
		text = escaper.Replace(text)
	}
	luaval.CheckSize(L, out.Len()+len(text))
	out.WriteString(text)
}

// scope returns the environment of one rendering.
func (t *Templates) scope(L *lua.LState, data *lua.LTable) *lua.LTable {
	meta := L.NewTable()
	meta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		name, v := L.Get(2), lua.LNil
		if data != nil {
			v = L.GetTable(data, name)
		}
		if v == lua.LNil && t.components != nil {
			v = L.RawGet(t.components, name)
		}
		if v == lua.LNil {
			v = L.GetTable(t.globals, name)
		}
		L.Push(v)
		return 1
	}))
	env := L.NewTable()
	env.Metatable = meta
	return env
}

// compiled returns the template as a function, nil when it is only text. When too much is kept, any
// other is dropped.
func (t *Templates) compiled(src string) (*lua.FunctionProto, error) {
	if proto, ok := t.cached[src]; ok {
		return proto, nil
	}
	proto, err := compileTemplate(src)
	if err != nil || proto == nil {
		return nil, err
	}
	for other := range t.cached {
		if len(t.cached) < maxCached && t.bytes+len(src) <= maxCachedBytes {
			break
		}
		delete(t.cached, other)
		t.bytes -= len(other)
	}
	t.cached[src] = proto
	t.bytes += len(src)
	return proto, nil
}
