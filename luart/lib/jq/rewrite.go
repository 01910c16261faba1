package jq

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/itchyny/gojq"
)

// before is what looks at the input, and at the arguments, of a builtin.
type before struct {
	input string
	args  []string
}

var compares = before{"depth", []string{"depth"}}

// guarded are the builtins of gojq that can make more in one step than they are given, take a
// time that grows with a number, or call themselves for each level of lists in lists.
//
// All others are bounded by what they are given (length, keys, reverse, implode, …), or make one
// item in a step, between which the account looks at the heap: range, repeat, limit, combinations,
// paths, sub and gsub, which add to a text match by match. Those that take a square of the time
// (contains, inside, -, transpose) are bounded by the data alone, and by the time of a run.
var guarded = map[string]before{
	"tojson/0": {input: "tree"}, "tostring/0": {input: "tree"}, "format/1": {input: "tree"},
	"flatten/0": {input: "tree"}, "flatten/1": {input: "tree"},
	"error/0": {input: "tree"}, "error/1": {args: []string{"tree"}}, // its message is JSON
	"add/0": {input: "sum"}, "transpose/0": {input: "cells"},
	"explode/0": {input: "pieces"}, "fromjson/0": {input: "pieces"}, "tonumber/0": {input: "digits"},
	"split/1": {input: "pieces"}, "split/2": {"pieces", []string{"pieces"}},
	"index/1": {"pieces", []string{"pieces"}}, "rindex/1": {"pieces", []string{"pieces"}}, "indices/1": {"pieces", []string{"pieces"}},
	"match/1": {"pieces", []string{"pieces"}}, "match/2": {"pieces", []string{"pieces"}},
	"test/1": {"pieces", []string{"pieces"}}, "test/2": {"pieces", []string{"pieces"}},
	"capture/1": {"pieces", []string{"pieces"}}, "capture/2": {"pieces", []string{"pieces"}},
	"scan/1": {"pieces", []string{"pieces"}}, "scan/2": {"pieces", []string{"pieces"}},
	"splits/1": {"pieces", []string{"pieces"}}, "splits/2": {"pieces", []string{"pieces"}},
	"sub/2": {"pieces", []string{"pieces", "tree"}}, "sub/3": {"pieces", []string{"pieces", "tree"}},
	"gsub/2": {"pieces", []string{"pieces", "tree"}}, "gsub/3": {"pieces", []string{"pieces", "tree"}},
	"strftime/1": {args: []string{"pieces"}}, "strflocaltime/1": {args: []string{"pieces"}},
	"strptime/1": {"pieces", []string{"pieces"}},
	"nth/1":      {args: []string{"index"}}, "getpath/1": {args: []string{"path"}}, "setpath/2": {args: []string{"path"}},
	"fromstream/1": {args: []string{"event"}},
	"INDEX/1":      {args: []string{"tree"}}, "INDEX/2": {args: []string{"", "tree"}},
	"contains/1": compares, "inside/1": compares, "bsearch/1": compares, "IN/1": compares,
	"IN/2": {args: []string{"depth", "depth"}}, "delpaths/1": {args: []string{"depth"}},
	"sort/0": compares, "unique/0": compares, "min/0": compares, "max/0": compares,
	"sort_by/1": compares, "group_by/1": compares, "unique_by/1": compares, "min_by/1": compares, "max_by/1": compares,
	"jn/2": {args: []string{"index"}}, "yn/2": {args: []string{"index"}},
	"add/1": {}, "join/1": {}, // see call
}

// rewrite puts guards into a program. Names that begin with an underscore are those of guards and of
// gojq's own operators, which would go round them.
func rewrite(q *gojq.Query) (err error) {
	walk(reflect.ValueOf(q), func(node any) {
		if err != nil {
			return
		}
		switch n := node.(type) {
		case *gojq.FuncDef:
			err = checkDefined(n)
		case *gojq.Func:
			if strings.HasPrefix(n.Name, "_") {
				err = fmt.Errorf("%s: names that begin with _ are not for programs", n.Name)
			}
		case *gojq.Query:
			operator(n)
		case *gojq.Term:
			term(n)
		case *gojq.Index:
			if n.Start != nil && !n.IsSlice && !isShort(n.Start) {
				n.Start = pipe(n.Start, guard("index"))
			}
		case *gojq.String:
			for _, part := range n.Queries {
				if part.Term.Str == nil {
					part.Term = parens(pipe(&gojq.Query{Term: part.Term}, guard("tree")))
				}
			}
		}
	})
	return err
}

// isShort reports whether an index is a constant that needs no guard.
func isShort(q *gojq.Query) bool {
	t := q.Term
	return t != nil && len(t.SuffixList) == 0 && (t.Type == gojq.TermTypeString && t.Str.Queries == nil ||
		t.Type == gojq.TermTypeNumber && len(t.Number) <= 5 && !strings.ContainsAny(t.Number, "eE"))
}

// checkDefined refuses functions that are called as guarded ones are: which of the two is meant is
// nothing to be guessed.
func checkDefined(f *gojq.FuncDef) error {
	names := []string{fmt.Sprintf("%s/%d", f.Name, len(f.Args))}
	for _, arg := range f.Args {
		names = append(names, arg+"/0")
	}
	for _, name := range names {
		if _, taken := guarded[name]; taken || strings.HasPrefix(name, "_") {
			return fmt.Errorf("%s: a function of a program needs another name than this builtin", name)
		}
	}
	return nil
}

// walk calls visit for all nodes below v, and for v after them.
func walk(v reflect.Value, visit func(any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), visit)
			visit(v.Interface())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	}
}

// operator replaces l * r by _rover_multiply(l; r) | .[0] * .[1], and so on. The guard gets its
// arguments in the order in which the operator would.
func operator(q *gojq.Query) {
	if q.Term != nil {
		return
	}
	op, update := q.Op, false
	switch q.Op {
	case gojq.OpUpdateMul:
		op, update = gojq.OpMul, true
	case gojq.OpUpdateAdd:
		op, update = gojq.OpAdd, true
	case gojq.OpUpdateSub:
		op, update = gojq.OpSub, true
	case gojq.OpUpdateDiv:
		op, update = gojq.OpDiv, true
	}
	name := ""
	switch op {
	case gojq.OpMul:
		name = "multiply"
	case gojq.OpAdd:
		name = "add"
	case gojq.OpDiv:
		name = "divide"
	case gojq.OpSub, gojq.OpEq, gojq.OpNe, gojq.OpGt, gojq.OpLt, gojq.OpGe, gojq.OpLe:
		name = "compare"
	default:
		return
	}
	checked := func(l, r *gojq.Query) *gojq.Query {
		return pipe(guard(name, l, r), &gojq.Query{Left: item("0"), Op: op, Right: item("1")})
	}
	if !update {
		q.Term = parens(checked(q.Left, q.Right))
	} else {
		// l op= r is r as $r | l |= . op $r.
		const r = "$__rover_r"
		change := parens(checked(identity(), call(r)))
		q.Term = parens(bind(q.Right, r, &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: &gojq.Query{Term: change}}))
	}
	q.Left, q.Right, q.Op = nil, nil, 0
}

// term puts guards before a call.
func term(t *gojq.Term) {
	bare := &gojq.Term{Type: t.Type, Func: t.Func, Format: t.Format}
	itself := &gojq.Query{Term: bare}
	switch {
	case t.Type == gojq.TermTypeFormat && t.Str == nil:
		itself = pipe(guard("tree"), itself)
	case t.Type == gojq.TermTypeFunc:
		f := t.Func
		g, found := guarded[fmt.Sprintf("%s/%d", f.Name, len(f.Args))]
		if !found {
			return
		}
		for i, name := range g.args[:min(len(g.args), len(f.Args))] {
			if name != "" {
				f.Args[i] = pipe(f.Args[i], guard(name))
			}
		}
		switch {
		case f.Name == "join":
			const x = "$__rover_x"
			itself = pipe(guard("join", identity(), f.Args[0]), bind(item("1"), x, pipe(item("0"), call("join", call(x)))))
		case f.Name == "add" && len(f.Args) == 1:
			list := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeArray, Array: &gojq.Array{Query: f.Args[0]}}}
			itself = pipe(list, pipe(guard("sum"), call("add")))
		case f.Name == "fromjson":
			itself = pipe(guard("pieces"), pipe(itself, guard("numbers")))
		case g.input != "":
			itself = pipe(guard(g.input), itself)
		}
	default:
		return
	}
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: itself, SuffixList: t.SuffixList}
}

func identity() *gojq.Query { return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}} }

func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

func guard(name string, args ...*gojq.Query) *gojq.Query { return call("_rover_"+name, args...) }

func parens(q *gojq.Query) *gojq.Term { return &gojq.Term{Type: gojq.TermTypeQuery, Query: q} }

func pipe(l, r *gojq.Query) *gojq.Query { return &gojq.Query{Left: l, Op: gojq.OpPipe, Right: r} }

// bind is value as $name | body.
func bind(value *gojq.Query, name string, body *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: value, Op: gojq.OpPipe, Patterns: []*gojq.Pattern{{Name: name}}, Right: body}
}

// item is .[n].
func item(n string) *gojq.Query {
	number := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeNumber, Number: n}}
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIndex, Index: &gojq.Index{Start: number}}}
}
