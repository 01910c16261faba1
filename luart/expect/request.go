package expect

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

// What faults call a request, and its body.
const (
	requestName = "request"
	BodyName    = "request body"
)

// RequestOptions are the keys of what is expected of requests with one method.
var RequestOptions = luaval.NewOptions("body", "query", "params", "headers", "extra").Narrowing("body", "query", "params", "headers").
	Words("extra", "strip", "keep", "error")

// ReadRequest reads {body = schema, query = …, params = …, headers = …, extra = "error"}. It raises for
// what is none, and for functions of :check: nobody can call them where no VM is.
func ReadRequest(L *lua.LState, what string, t *lua.LTable, warn func(why string)) *schema.Request {
	r := &schema.Request{}
	parts := map[string]**schema.Field{"body": &r.Body, "query": &r.Query, "params": &r.Params, "headers": &r.Headers}
	RequestOptions.EachOf(L, t, what, func(name string, v lua.LValue) {
		if name == "extra" {
			if want := ReadExtra(v, &r.Extra); want != "" {
				L.RaiseError("%s: extra: %s expected", what, want)
			}
			return
		}
		read := ReadTexts
		if name == "body" {
			read = Read
		}
		f := read(L, what+": "+name, v, warn)
		if f.HasChecks() {
			L.RaiseError("%s: %s: a function of :check needs the VM, which a rule is decided without: "+
				"have the handler look at ctx:expected(), or use :match, :enum and their like", what, name)
		}
		*parts[name] = f
	})
	return r
}

// ReadExtra reads the option extra. It returns what it wants in place of v; "" if v is one.
func ReadExtra(v lua.LValue, extra *schema.Extra) string {
	switch v {
	case lua.LString("strip"):
		*extra = schema.Strip
	case lua.LString("keep"):
		*extra = schema.Keep
	case lua.LString("error"):
		*extra = schema.Refuse
	default:
		return `"strip", "keep" or "error"`
	}
	return ""
}

// Head is what of a request is there before its body.
type Head struct{ Params, Query, Headers Texts }

// CheckHead compares what of a request is there before its body with what is expected of it, and returns
// {params = …, query = …, headers = …}, or all faults.
func CheckHead(L *lua.LState, r *schema.Request, head Head) (*lua.LTable, *schema.Faults) {
	c := checker{L: L, faults: schema.NewFaults(requestName)}
	result := L.CreateTable(0, 4)
	for _, part := range []struct {
		name  string
		field *schema.Field
		texts Texts
		extra schema.Extra
	}{
		{"params", r.Params, head.Params, schema.Strip},
		{"query", r.Query, head.Query, r.Extra},
		{"headers", r.Headers, head.Headers, schema.Strip},
	} {
		if part.field != nil {
			c.o.Extra = part.extra
			part.texts.Path = part.name
			result.RawSetString(part.name, c.texts(part.field, part.texts))
		}
	}
	if !c.faults.Empty() {
		return nil, c.faults
	}
	return result, nil
}

// CheckBody compares a JSON body with what is expected of it. It reads it in the one way in which it can
// be read, and returns an error where it is no such JSON.
func CheckBody(L *lua.LState, r *schema.Request, body []byte) (lua.LValue, *schema.Faults, error) {
	v, err := jsonlua.DecodeWith(L, body, jsonlua.Options{Null: true, Strict: true, Exact: true, Finite: true})
	if err != nil {
		return nil, nil, err
	}
	v, faults := Check(L, BodyName, r.Body, v, Options{Extra: r.Extra, JSON: true, Own: true, Rounds: true})
	return v, faults, nil
}
