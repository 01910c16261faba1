package luart

import (
	"fmt"
	"net/http"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// filter is one thing that a body goes through on its way to the client: a function of the
// script (res:on_chunk), or a replacement (res:replace).
type filter struct {
	by *handler // the route or hook that asked for it

	fn *lua.LFunction // nil: replace

	pattern     *bodyfilter.Pattern
	replacement string
	options     bodyfilter.ReplaceOptions
}

// filters are those of one response, in order.
type filters struct {
	coding string // the Content-Encoding of the body, undone first
	list   []filter
}

func (f *filters) clone() *filters {
	if f == nil {
		return nil
	}
	return &filters{coding: f.coding, list: slices.Clone(f.list)}
}

// maxFilters one response may have.
const maxFilters = 32

// addFilter appends f. The first one puts the headers right.
func (r *reply) addFilter(vm *VM, L *lua.LState, f filter) {
	x := vm.cur.x
	if x == nil {
		L.RaiseError("a response is filtered while a request is answered only")
	}
	if r.isTunnel() {
		return
	}
	f.by = x.running
	if r.filters == nil {
		if r.from != nil {
			r.askAgain(vm, L, false)
			r.from.checkOpen(L)
		}
		h := r.HeaderMap()
		coding := bodyfilter.ContentEncoding(h)
		if r.from != nil {
			coding = r.from.coding
		}
		switch bodyfilter.FilteredHead(h, r.Status, x.filteredMethod()) {
		case bodyfilter.Partial:
			L.RaiseError("the response is a part (206): filtered alone it would be wrong")
		case bodyfilter.Undecodable:
			L.RaiseError("the response has the Content-Encoding %q, which cannot be decoded", coding)
		case bodyfilter.NoBody:
			// The part of a HEAD: the GET would be made again for the whole.
			if r.from != nil && r.from.came == http.StatusPartialContent {
				r.from.came = http.StatusOK
			}
			if r.Status == http.StatusPartialContent {
				r.Status = http.StatusOK
			}
		}
		r.filters = &filters{coding: coding}
	}
	if len(r.filters.list) == maxFilters {
		L.RaiseError("the response has %d filters, the limit", maxFilters)
	}
	r.filters.list = append(r.filters.list, f)
}

// maxReplaceWindow bounds what one res:replace may keep of a body: twice as much.
const maxReplaceWindow = 1 << 20

// checkReplace returns the arguments of res:replace(pattern, replacement[, options]).
func checkReplace(L *lua.LState) filter {
	f := filter{replacement: luaval.CheckString(L, 3)}
	if t := L.Get(4); t != lua.LNil {
		replaceOptions.EachOf(L, luaval.CheckTable(L, 4), "res:replace", func(key string, v lua.LValue) { f.setOption(L, key, v) })
	}
	var err error
	if ud, ok := L.Get(2).(*lua.LUserData); ok {
		if e, ok := ud.Value.(bodyfilter.Expression); ok {
			f.pattern, err = e.ForReplace()
		}
	} else if text, ok := luaval.StringValue(L.Get(2)); ok {
		f.pattern, err = bodyfilter.NewPlain(text)
	}
	if f.pattern == nil && err == nil {
		luaval.ArgError(L, 2, "string or expression of rover.re.compile expected, got "+luaval.TypeName(L.Get(2)))
	}
	if err == nil { // whether they go together
		_, err = f.replacer(nil)
	}
	if err != nil {
		L.RaiseError("res:replace: %s", err.Error())
	}
	return f
}

func (f *filter) setOption(L *lua.LState, key string, v lua.LValue) {
	n, isNumber := v.(lua.LNumber)
	whole := isNumber && n >= 1 && n == lua.LNumber(int(n))
	ok := false
	switch key {
	case "window":
		ok = whole && n <= maxReplaceWindow
		f.options.Window = int(n)
	case "limit":
		ok = whole
		f.options.Limit = int(n)
	case "literal":
		var b lua.LBool
		b, ok = v.(lua.LBool)
		f.options.Literal = bool(b)
	}
	if !ok {
		want := map[string]string{"window": fmt.Sprintf("whole bytes from 1 to %d", maxReplaceWindow), "limit": "a whole number from 1", "literal": "a boolean"}[key]
		L.RaiseError("res:replace: option %s: %s expected, got %s", key, want, luaval.Show(v))
	}
}

func (f *filter) replacer(sink func([]byte) error) (*bodyfilter.Replacer, error) {
	return bodyfilter.NewReplacer(f.pattern, f.replacement, f.options, sink)
}

// output returns what is to be sent of what a filter function returned. Only the holder may
// call it.
func (f *filter) output(v lua.LValue) (string, error) {
	if v == lua.LNil {
		return "", nil
	}
	if text, ok := luaval.StringValue(v); ok {
		return text, nil
	}
	return "", fmt.Errorf("%s:%d: the function of res:on_chunk returned a %s: a string or nil expected",
		f.fn.Proto.SourceName, f.fn.Proto.LineDefined, luaval.TypeName(v))
}

// filtered takes a whole body through the filters, which are done with then, and makes the
// result the body.
func (r *reply) filtered(L *lua.LState, body []byte, limit int64) []byte {
	list := r.filters.list
	if r.from == nil {
		decoded, err := decodeBody(r.filters.coding, body, limit)
		if err != nil {
			L.RaiseError("reading the response: %s", err.Error())
		}
		body = decoded
	}
	for i := range list {
		f := &list[i]
		var out []byte
		if f.fn == nil {
			out = f.replaceAll(L, body)
		} else {
			for _, last := range [...]bool{false, true} {
				if !last && len(body) == 0 {
					continue
				}
				L.Push(f.fn)
				if last {
					body = nil
				}
				L.Push(lua.LString(body))
				L.Push(lua.LBool(last))
				L.Call(2, 1)
				text, err := f.output(L.Get(-1))
				L.Pop(1)
				if err != nil {
					L.RaiseError("%s", err.Error())
				}
				out = append(out, text...)
			}
		}
		if int64(len(out)) > limit {
			L.RaiseError("reading the response: the filtered body is %s", reqbody.TooLong(limit))
		}
		body = out
	}
	if r.from != nil {
		r.makeOwn()
	}
	r.Body, r.filters = body, nil
	return body
}

func (f *filter) replaceAll(L *lua.LState, body []byte) (out []byte) {
	re, err := f.replacer(func(p []byte) error {
		out = append(out, p...)
		return nil
	})
	if err == nil {
		_, err = re.Write(body)
	}
	if err == nil {
		err = re.Close()
	}
	if err != nil {
		L.RaiseError("res:replace: %s", err.Error())
	}
	return out
}
