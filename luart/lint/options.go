package lint

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/scripterror"
	"github.com/caddy-rover/rover/luart/spelling"
)

// callee returns the function that a call calls, as the outline names those with options:
// "api.proxy", "node.limit", "ctx:mirror", "rover.http.get", "cache:fetch". It is empty where that is
// not sure.
func (c *checker) callee(f *checkedFile, e *ast.FuncCallExpr, scope *chunk.Binding) string {
	h := c.finder(f)
	if e.Receiver != nil {
		switch kind := scope.KindOf(e.Receiver); {
		case kind != "" && (kind == chunk.KindAPI || scope.Sure(e.Receiver)):
			return string(kind) + ":" + e.Method
		case kind != "":
			return ""
		}
		if name, _ := c.made(e.Receiver, scope); name != "" || isForwarded(h.Origin(e.Receiver, scope), scope) {
			return "res:" + e.Method
		}
		if kind := h.TypeOf(e.Receiver, scope); kind != "" {
			return kind + ":" + e.Method
		}
		return ""
	}
	if get, ok := e.Func.(*ast.AttrGetExpr); ok {
		if key, ok := get.Key.(*ast.StringExpr); ok {
			hook, below := chunk.Below(get.Object, scope)
			if _, rule := c.o.Options["node."+key.Value]; rule && below && hook == "" {
				return "node." + key.Value
			}
			if scope.KindOf(get.Object) == chunk.KindAPI {
				return "api." + key.Value
			}
		}
	}
	for name := range c.o.Options {
		if path, ok := strings.CutPrefix(name, "rover."); ok && h.IsRover(e.Func, scope, path) {
			return name
		}
	}
	return ""
}

// isForwarded reports whether an expression is ctx:next() or ctx:proxy(…).
func isForwarded(e ast.Expr, scope *chunk.Binding) bool {
	call, ok := e.(*ast.FuncCallExpr)
	return ok && call.Receiver != nil && (call.Method == "next" || call.Method == "proxy") &&
		scope.KindOf(call.Receiver) == chunk.KindCtx && scope.Sure(call.Receiver)
}

// options is for tables of options that are written out in a call, or in the local variable that a
// call gets.
func (c *checker) options(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	name := c.callee(f, e, s.scope)
	options, ok := c.o.Options[name]
	if !ok {
		return
	}
	at := 0
	for _, n := range options.Args {
		if n <= len(e.Args) {
			at = n
		}
	}
	if at == 0 {
		return
	}
	table, ok := c.finder(f).Origin(e.Args[at-1], s.scope).(*ast.TableExpr)
	if !ok {
		return
	}
	said := name
	if rule, ok := strings.CutPrefix(name, "node."); ok {
		said = "api.…." + rule // as scripts call it
	}
	c.optionTable(f, table, options.Options, said, options.Meant(at, names(table)), s.scope)
	if name == "rover.server" {
		c.serverOptions(f, table)
	}
}

// optionTable is for a table of options of a function, or of an option of it: "retry of api.proxy".
// meant is what to do about an unknown one, if that is known.
func (c *checker) optionTable(f *checkedFile, table *ast.TableExpr, options *luaval.Options, of, meant string, scope *chunk.Binding) {
	c.eachField(f, table, func(key string, value ast.Expr, line, column int) {
		if key == "" {
			c.said = append(c.said, "options by name expected")
			c.add(f.File, line, column, Error, "unknown-option", "options of "+of+" by name expected", meant)
			return
		}
		if text := options.Unknown(key); text != "" {
			what := "unknown option " + strconv.Quote(key)
			c.said = append(c.said, what+": ")
			c.add(f.File, line, column, Error, "unknown-option", what+" of "+of, cmp.Or(meant, strings.TrimPrefix(text, what+": ")))
			return
		}
		c.milliseconds(f, options, key, value, line, column)
		c.word(f, value, options.WordsOf(key), key+" of "+of, scope)
		c.optionValue(f, options, of, key, value, line, column, scope)
		in, ok := options.Nested(key)
		inner, isTable := c.finder(f).Origin(value, scope).(*ast.TableExpr)
		switch {
		case !ok || !isTable:
		case !in.Each:
			c.optionTable(f, inner, in.Options, key+" of "+of, "", scope)
		default:
			for _, field := range inner.Fields {
				if one, ok := c.finder(f).Origin(field.Value, scope).(*ast.TableExpr); ok {
					c.optionTable(f, one, in.Options, key+" of "+of, "", scope)
				}
			}
		}
	})
}

// names are the keys of a table of the source that are written as they are.
func names(table *ast.TableExpr) (list []string) {
	for _, field := range table.Fields {
		if key, ok := field.Key.(*ast.StringExpr); ok {
			list = append(list, key.Value)
		}
	}
	return list
}

// eachField calls do for each field of a table whose name is sure, with its place; "" is the name of
// an element of a list.
func (c *checker) eachField(f *checkedFile, table *ast.TableExpr, do func(key string, value ast.Expr, line, column int)) {
	for _, field := range table.Fields {
		key, ok := field.Key.(*ast.StringExpr)
		name, from := "", table.Line()
		switch {
		case ok:
			name, from = key.Value, max(key.Line(), table.Line())
		case field.Key != nil:
			continue
		}
		line, column := f.place(from, from, 0, name, "=")
		if column == 0 {
			line, column = f.place(from, from, 0, "{")
		}
		if column == 0 { // ["name"] = … in a line of its own
			line, column = f.place(from, from, 0, "[")
		}
		do(name, field.Value, line, column)
	}
}

// requestTimes are the options that say how long a request may take or wait, in seconds. Of the others
// in seconds (ttl, per, stale, max_age, …) a thousand and more is usual: days, or a year.
var requestTimes = []string{"timeout", "try_timeout", "wait"}

// milliseconds is for a time of a request that is hardly meant in seconds.
func (c *checker) milliseconds(f *checkedFile, options *luaval.Options, key string, value ast.Expr, line, column int) {
	number, ok := value.(*ast.NumberExpr)
	if !ok || !slices.Contains(requestTimes, key) {
		return
	}
	n, err := strconv.ParseFloat(number.Value, 64)
	if err != nil || n < 1000 || n > 1e9 || isHalfHours(n) {
		return
	}
	remedy := "write " + strconv.FormatFloat(n/1000, 'f', -1, 64)
	if ms := key + "_ms"; slices.Contains(options.Names(), ms) {
		remedy += ", or " + ms
	}
	c.add(f.File, line, column, Warning, "milliseconds",
		fmt.Sprintf("%s is in seconds: %s are %v", key, number.Value, time.Duration(n*float64(time.Second))), remedy)
}

// isHalfHours reports whether a number is whole half hours in seconds (1800, 3600, 86400) that nobody
// means in milliseconds: those are whole seconds.
func isHalfHours(n float64) bool { return math.Mod(n, 1800) == 0 && math.Mod(n, 1000) != 0 }

// serverOptions is for options of rover.server that have no effect.
func (c *checker) serverOptions(f *checkedFile, table *ast.TableExpr) {
	c.eachField(f, table, func(key string, value ast.Expr, line, column int) {
		if key == "readiness" && !slices.Contains(names(table), "health") {
			c.add(f.File, line, column, Warning, "ignored-option", "readiness of rover.server is for probes, and none is answered",
				"write health = true, which answers /healthz and /readyz")
		}
		see, guards, ok := api.IgnoredOption(key)
		if _, off := value.(*ast.FalseExpr); ok && guards && !off {
			c.add(f.File, line, column, Warning, "ignored-option", key+" of rover.server has no effect here", "write "+see)
		}
	})
}

// raised is for error{…} with a status.
func (c *checker) raised(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	ident, ok := e.Func.(*ast.IdentExpr)
	if !ok || e.Receiver != nil || ident.Value != "error" || s.scope.Find("error") != nil || len(e.Args) == 0 {
		return
	}
	table, ok := e.Args[0].(*ast.TableExpr)
	if !ok || !slices.Contains(names(table), "status") {
		return
	}
	c.eachField(f, table, func(key string, value ast.Expr, line, column int) {
		if number, ok := value.(*ast.NumberExpr); ok && key == "status" {
			if n, err := strconv.ParseFloat(number.Value, 64); err == nil && (n < 400 || n > 599) {
				c.add(f.File, line, column, Error, "bad-argument", "error{…} cannot answer with the status "+number.Value,
					"the status of an error is one from 400 to 599; any other makes it a 500")
			}
		}
		if near := spelling.Nearest(key, scripterror.Fields); near != "" && !slices.Contains(scripterror.Fields, key) {
			c.add(f.File, line, column, Warning, "unknown-option", fmt.Sprintf("error{…} with a status has no field %q", key), spelling.DidYouMean(near))
		}
	})
}

// jsonHeaders is for api.json{ …, headers = {…} }, whose headers are sent as data.
func (c *checker) jsonHeaders(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	builder, call := c.made(e, s.scope)
	if call != e || !strings.HasSuffix(builder, ".json") {
		return
	}
	for _, arg := range e.Args {
		table, ok := arg.(*ast.TableExpr)
		if !ok {
			continue
		}
		c.eachField(f, table, func(key string, value ast.Expr, line, column int) {
			headers, ok := value.(*ast.TableExpr)
			if key != "headers" || !ok || !slices.ContainsFunc(headers.Fields, func(field *ast.Field) bool {
				_, named := field.Key.(*ast.StringExpr)
				_, constant := field.Value.(*ast.StringExpr)
				return named && constant // an echo of the request has none
			}) {
				return
			}
			c.add(f.File, line, column, Warning, "json-headers", "headers is data here, and no header is sent",
				"write "+builder+"(…):set_header(name, value)")
		})
	}
}

// index is for x[…], and for x.name, of what has no such elements.
func (c *checker) index(f *checkedFile, e *ast.AttrGetExpr, s sighting) {
	h := c.finder(f)
	key, named := e.Key.(*ast.StringExpr)
	words := wordsOf(e.Object)
	switch {
	case !named && s.role != roleWritten && h.IsBytes(e.Object, s.scope):
		words = append(words, "[")
		line, column := f.place(e.Line(), e.Line(), 0, words...)
		c.add(f.File, line, column, Error, "byte-index", "a string is indexed, which is always nil", hint.BytesHint(e.Object))
	case named && s.role != roleWritten && c.noSuchField(h, e, s.scope):
		words = append(words, ".", key.Value)
		kind := h.TypeOf(e.Object, s.scope)
		line, column := f.place(min(e.Line(), key.Line()), key.Line(), len(words)-1, words...)
		c.add(f.File, line, column, Error, "unknown-field", fmt.Sprintf("a %s has no field or method %s", kind, key.Value),
			hint.Instead(key.Value, slices.Concat(h.TypeFields[kind], h.TypeMethods[kind])))
	case named && key.Value == "name" && s.role != roleWritten && h.TypeOf(e.Object, s.scope) == "part":
		words = append(words, ".", "name")
		line, column := f.place(min(e.Line(), key.Line()), key.Line(), len(words)-1, words...)
		c.add(f.File, line, column, Warning, "part-name", "name is that of the field of the form, which the script knows",
			"the name of the file is filename")
	}
}

// noSuchField reports whether an object of a library, whose fields are all known, has no such field
// and no such method, and nobody asks whether it has.
func (c *checker) noSuchField(h *hint.Finder, e *ast.AttrGetExpr, scope *chunk.Binding) bool {
	key := e.Key.(*ast.StringExpr).Value
	kind := h.TypeOf(e.Object, scope)
	return h.TypeFields[kind] != nil && !slices.Contains(h.TypeFields[kind], key) && !slices.Contains(h.TypeMethods[kind], key) &&
		!c.tested[hint.Text(e)]
}
