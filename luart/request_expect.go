package luart

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
	"github.com/caddy-rover/rover/luart/request"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/schema"
	"github.com/caddy-rover/rover/luart/urltext"
)

// UnexpectedError says that a request is not as a rule expects it.
type UnexpectedError struct {
	Rule   string
	Status int
	Text   string         // what is wrong
	Faults *schema.Faults // all of it; nil: Text says it
}

func (e *UnexpectedError) Error() string { return "expect " + e.Rule + ": " + e.Text }

// Answer implements Refusal.
func (e *UnexpectedError) Answer() (status int, header http.Header, body []byte) {
	if e.Faults != nil {
		return e.Status, nil, e.Faults.JSON()
	}
	return e.Status, nil, append(jsonlua.AppendString([]byte(`{"error":`), e.Text), '}')
}

// maxExpecting requests of a VM have their bodies received for rules at once: as many as may wait for
// theirs in Lua, if the operator says nothing else.
const maxExpecting = 10_000

func (*expectRule) stage() stage { return stageExpect }

func (rule *expectRule) before() *handler { return rule.asHook }

// admit implements rule. The request must be to the place itself, in any reading of its path.
func (rule *expectRule) admit(x *Exchange, _ http.Header) error {
	here := slices.ContainsFunc(x.match.Here, func(h *handler) bool { return h.rule == rule })
	want := rule.of(x.r.Method)
	if !here || want == nil {
		return nil
	}
	began := x.traceBegan()
	err := rule.check(x, want)
	result := "as expected"
	if err != nil {
		result = err.Error()
	}
	rule.count(err)
	x.traceRule("expect", rule.name, rule.where, began, result)
	return err
}

// count counts what the rule has said: why a request is not let through, nil if it is. Of one whose client
// has left it says nothing.
func (rule *expectRule) count(err error) {
	var unexpected *UnexpectedError
	switch {
	case err == nil:
		rule.counts.Allowed.Add(1)
	case !errors.As(err, &unexpected):
	case unexpected.Status >= http.StatusInternalServerError:
		rule.counts.Failed.Add(1)
	default:
		rule.counts.Denied.Add(1)
	}
}

// check compares the request: first what is there already, then the body.
func (rule *expectRule) check(x *Exchange, want *schema.Request) error {
	head, err := x.expectedHead()
	if err != nil {
		return rule.refuse(http.StatusBadRequest, err.Error(), nil)
	}
	apart := x.gen.vm.apart
	var faults *schema.Faults
	if err := apart.Do(x.r.Context(), x.gen.burst, func(L *lua.LState) { _, faults = expect.CheckHead(L, want, head) }); err != nil {
		return rule.failed(x, err)
	}
	if faults != nil {
		return rule.refuse(http.StatusBadRequest, faults.Message(), faults)
	}
	if want.Body == nil {
		return nil
	}
	if err := reqbody.CheckJSON(x.r.Header); err != nil {
		bad := reqbody.AsError(err)
		return rule.refuse(bad.Status, bad.Text, nil)
	}
	body, err := x.receive()
	if err != nil {
		return rule.failed(x, err)
	}
	var broken error
	if err := apart.Do(x.r.Context(), x.gen.burst, func(L *lua.LState) { _, faults, broken = expect.CheckBody(L, want, body) }); err != nil {
		return rule.failed(x, err)
	}
	switch {
	case broken != nil:
		return rule.refuse(http.StatusBadRequest, expect.BodyName+": "+broken.Error(), nil)
	case faults != nil:
		return rule.refuse(http.StatusBadRequest, faults.Message(), faults)
	}
	return nil
}

// hook is the rule as a before hook. It compares the request as it is by now.
func (rule *expectRule) hook(L *lua.LState, vm *VM) int {
	x := vm.cur.x
	want := rule.of(x.r.Method)
	if want == nil {
		return 0
	}
	counted := &rule.counts.Denied
	defer func() { // also when it raises
		if L.Context().Err() != nil {
			counted = &rule.counts.Failed
		}
		counted.Add(1)
	}()
	if want.Body != nil {
		if err := reqbody.CheckJSON(x.r.Header); err != nil {
			bad := reqbody.AsError(err)
			luaval.RaiseStatus(L, bad.Status, bad.Text)
		}
	}
	vm.expected(L, x, want)
	counted = &rule.counts.Allowed
	return 0
}

func (rule *expectRule) refuse(status int, text string, faults *schema.Faults) error {
	return &UnexpectedError{Rule: rule.name, Status: status, Text: text, Faults: faults}
}

// failed is the answer to a request that nobody knows whether it is as expected.
func (rule *expectRule) failed(x *Exchange, err error) error {
	var bad *reqbody.Error
	switch {
	case ClientLeft(x.r, err):
		return err
	case errors.As(err, &bad):
		return rule.refuse(bad.Status, bad.Text, nil)
	case errors.Is(err, errExpecting):
		return rule.refuse(http.StatusServiceUnavailable, "overloaded", nil)
	case errors.Is(err, context.DeadlineExceeded):
		return rule.refuse(http.StatusGatewayTimeout, "timeout", nil)
	}
	x.log().Error("a request could not be compared with what is expected: it is refused",
		zap.Error(err), zap.String("rule", rule.name), zap.String("defined_at", rule.where))
	return rule.refuse(http.StatusInternalServerError, "internal error", nil)
}

var errExpecting = errors.New("too many requests have their bodies received")

// receive returns the request's body once all of it has come, and keeps it for those who read it next.
// The goroutine of the request calls it, before the VM is entered.
func (x *Exchange) receive() ([]byte, error) {
	r, vm, limit := x.r, x.gen.vm, x.gen.maxBody
	if b := x.upload.body; b != nil && b.loaded { // of another rule
		return b.bytes, nil
	}
	if r.ContentLength > limit {
		return nil, &reqbody.Error{Status: http.StatusRequestEntityTooLarge, Text: reqbody.TooLarge(limit)}
	}
	b := &body{x: x, loaded: true}
	s := &reqbody.Spool{Open: &vm.spools}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 && !route.IsExtendedConnect(r) {
		if vm.expecting.Add(1) > maxExpecting {
			vm.expecting.Add(-1)
			return nil, errExpecting
		}
		defer vm.expecting.Add(-1)
		if err := x.receiveInto(s, limit); err != nil {
			return nil, err
		}
	}
	b.kept, b.bytes = s, s.Mem
	x.upload.body = b
	x.upload.bodies = append(x.upload.bodies, b)
	return b.bytes, nil
}

// receiveInto reads the body, and puts what it has read in front of what is left of it, whatever comes of
// it.
func (x *Exchange) receiveInto(s *reqbody.Spool, limit int64) error {
	r, rest := x.r, x.r.Body
	ctx := r.Context()
	if x.gen.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, x.gen.timeout)
		defer cancel()
	}
	// A read of the connection knows no context: let it time out then.
	rc := http.NewResponseController(x.w)
	stop := onEnd(ctx, func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	x.upload.spools = append(x.upload.spools, s)
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, maxFirstBytes)) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(reqbody.Limited(x.paced(rest), limit))
	s.Mem, s.Size = buf.Bytes(), int64(buf.Len())
	if err != nil {
		r.Body = &reqbody.Prefixed{Reader: io.MultiReader(s.Reader(), rest), Rest: rest}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return reqbody.AsError(err)
	}
	r.Body = s.Body(rest)
	return nil
}

// expectedHead is what of the request is there before its body. The error says that servers read its query in
// different ways.
func (x *Exchange) expectedHead() (expect.Head, error) {
	query := x.r.URL.RawQuery
	if err := urltext.CheckQueryText(query); err != nil {
		return expect.Head{}, errors.New("query: " + err.Error())
	}
	values, err := urltext.ParsePairs(query)
	if err != nil {
		return expect.Head{}, errors.New("query: " + err.Error())
	}
	return expect.Head{
		Params:  paramTexts(x.match.Params),
		Query:   queryTexts(values),
		Headers: headerTexts(x.r),
	}, nil
}

func paramTexts(params []route.Param) expect.Texts {
	return expect.Texts{What: "path", Values: func(name string) (values []string) {
		for _, p := range params {
			if p.Name == name {
				return []string{p.Value}
			}
		}
		return nil
	}}
}

func queryTexts(values url.Values) expect.Texts {
	return expect.Texts{
		What:   "query",
		Values: func(name string) []string { return values[name] },
		Names:  func() []string { return slices.Collect(maps.Keys(values)) },
	}
}

func headerTexts(r *http.Request) expect.Texts {
	return expect.Texts{What: "head", Fold: true, Values: func(name string) []string {
		return request.HeaderValues(r, http.CanonicalHeaderKey(name))
	}}
}

// ctxExpected is ctx:expected(): {body = …, query = …, params = …, headers = …}, each as the rule of the
// request's place expects it. They are read of the request as it is now.
func (vm *VM) ctxExpected(L *lua.LState) int {
	x := checkCtx(L)
	var want *schema.Request
	for _, h := range x.match.Here {
		if rule, ok := h.rule.(*expectRule); ok && want == nil { // those behind it are of a path that it was rewritten to
			want = rule.of(x.r.Method)
		}
	}
	if want == nil {
		L.RaiseError("ctx:expected: nothing is expected of this request: there is no rule expect for its place and method")
	}
	L.Push(vm.expected(L, x, want))
	return 1
}

// expected is what is wanted of the request as it is now. It raises what is wrong with it.
func (vm *VM) expected(L *lua.LState, x *Exchange, want *schema.Request) *lua.LTable {
	head, err := x.expectedHead()
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, err.Error())
	}
	result, faults := expect.CheckHead(L, want, head)
	if faults == nil && want.Body != nil {
		var v lua.LValue
		if v, faults, err = expect.CheckBody(L, want, vm.wholeBody(L, x).bytes); err != nil {
			luaval.RaiseStatus(L, http.StatusBadRequest, expect.BodyName+": "+err.Error())
		}
		if faults == nil {
			result.RawSetString("body", v)
		}
	}
	if faults != nil {
		expect.Raise(L, faults)
	}
	return result
}
