package luart

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/idempotency"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/store"
)

// idempotent is api.idempotent([options,] handler): what there is of the options.
type idempotent struct {
	gen      *Generation
	store    store.Store
	handler  *lua.LFunction
	header   string
	ttl      time.Duration
	wait     time.Duration // of a duplicate for the first
	required bool
	open     bool           // without the store: run the handler unprotected
	caller   *lua.LFunction // says who asks; nil: the Authorization header does
}

const (
	defaultAnswerTTL  = 5 * time.Minute
	maxAnswerTTL      = 7 * 24 * time.Hour
	defaultAnswerWait = 10 * time.Second

	// maxIdempotencyKey bounds a client's key, in bytes.
	maxIdempotencyKey = 255

	// answerPoll is how often who waits for the first looks without having been told: a message
	// may be lost.
	answerPoll = time.Second
)

// call is the handler that api.idempotent has returned.
func (o *idempotent) call(L *lua.LState) int {
	x, vm := checkCtx(L), o.gen.vm
	switch {
	case vm.cur != &x.call || x.running == nil || x.running != x.match.Handler:
		L.RaiseError("api.idempotent makes handlers of routes: it can be no hook, and no function that runs aside")
	case x.forward.lasting:
		L.RaiseError("api.idempotent: this handler is inside another one")
	}
	key, wrong := idempotencyKey(x.r.Header[o.header])
	switch {
	case wrong != "":
		o.count(idempotentInvalid)
		return o.gen.refuse(L, http.StatusBadRequest, o.header+" "+wrong)
	case key == "" && o.required:
		o.count(idempotentInvalid)
		return o.gen.refuse(L, http.StatusBadRequest, "a request needs the header "+o.header)
	case key == "" || x.answersFor != 0:
		o.count(idempotentUnprotected)
		return o.plain(L)
	}
	claim, done := o.claim(L, x, key)
	switch {
	case done:
		return 1
	case claim == nil:
		return o.plain(L)
	}
	return o.first(L, x, claim)
}

func (o *idempotent) count(outcome idempotentOutcome) { o.gen.vm.idempotents[outcome].Add(1) }

// plain calls the handler, and no more.
func (o *idempotent) plain(L *lua.LState) int {
	L.Push(o.handler)
	L.Push(L.Get(1))
	L.Call(1, 3)
	return 3
}

// idempotencyKey returns the key of a request, "" for none. It must be read in one way only.
func idempotencyKey(values []string) (key, wrong string) {
	if len(values) > 1 {
		return "", "was sent more than once"
	}
	if len(values) == 0 {
		return "", ""
	}
	key = strings.Trim(values[0], " \t")
	if key == "" {
		return "", "is empty"
	}
	if len(key) > maxIdempotencyKey {
		return "", "is longer than 255 bytes"
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return "", "has other bytes than visible ones of ASCII"
		}
	}
	return key, ""
}

// claim claims the key of a request. done says that there is an answer already, which is on
// the stack; no claim and not done, that the store is away and the request is to be answered all
// the same.
func (o *idempotent) claim(L *lua.LState, x *Exchange, key string) (claim *idempotency.Claim, done bool) {
	vm := o.gen.vm
	caller := "authorization:" + strings.Join(x.r.Header["Authorization"], "\n")
	if o.caller != nil {
		L.Push(o.caller)
		L.Push(L.Get(1))
		L.Call(1, 1)
		who, ok := luaval.StringValue(L.Get(-1))
		if !ok {
			L.RaiseError("api.idempotent: the key of the caller is a %s, a string expected", luaval.TypeName(L.Get(-1)))
		}
		L.Pop(1)
		caller = "key:" + who
	}
	body := vm.wholeBody(L, x).bytes
	head := []string{
		x.r.Method, x.r.Host, x.r.URL.EscapedPath(), x.r.URL.RawQuery,
		strings.Join(x.r.Header["Content-Type"], "\n"), strings.Join(x.r.Header["Content-Encoding"], "\n"),
	}
	name := idempotency.Key(x.running.route, o.header, caller, key)
	atMost := o.ttl + time.Minute + x.gen.timeout
	if x.gen.timeout == 0 {
		atMost = o.ttl + maxAnswerTTL
	}
	var fingerprint idempotency.Fingerprint
	var found idempotency.Found
	var err error
	hashed := false
	ask := func(ctx context.Context) {
		if !hashed {
			fingerprint, hashed = idempotency.NewFingerprint(body, head...), true
		}
		found, err = idempotency.Ask(ctx, o.store, name, fingerprint, atMost)
	}
	if o.store.Local() && len(body) > 64<<10 { // which takes longer than a wait does
		vm.await(L, waitsOn{what: "api.idempotent"}, func(context.Context) {
			fingerprint, hashed = idempotency.NewFingerprint(body, head...), true
		})
	}
	o.ask(L, ask)
	if err == nil && found.State == idempotency.Running && o.wait > 0 {
		bell := idempotency.Listen(o.store, name)
		defer bell.Close()
		until := vm.clock.Now().Add(o.wait)
		for {
			rung := bell.Next()
			if o.ask(L, ask); err != nil || found.State != idempotency.Running {
				break
			}
			left := until.Sub(vm.clock.Now())
			if left <= 0 {
				break
			}
			vm.park(L, waitsOn{what: "api.idempotent"}, rung, min(left, answerPoll))
		}
	}
	if err != nil {
		if found.Claim != nil && errors.Is(err, store.ErrDown) {
			o.settle(x, found.Claim.GiveUp)
		}
		o.count(idempotentStoreFailed)
		x.log().Warn("the store of idempotent requests has failed", zap.Error(err), zap.String("route", x.running.route))
		if o.open {
			return nil, false
		}
		o.gen.refuse(L, http.StatusServiceUnavailable, "whether the request was made already cannot be known now")
		return nil, true
	}
	switch found.State {
	case idempotency.Claimed:
		o.count(idempotentFirst)
		return found.Claim, false
	case idempotency.Answered:
		o.count(idempotentReplayed)
		o.gen.pushReply(L, replayed(found.Answer))
	case idempotency.Other:
		o.count(idempotentConflict)
		o.gen.refuse(L, http.StatusConflict, "Idempotency key already used with different payload")
	case idempotency.Sealed:
		o.count(idempotentNoAnswer)
		message := "A request with this key was made, and its answer was not kept"
		if found.Why == idempotency.Unknown {
			message = "A request with this key was made, and did not end: whether it had an effect is not known"
		}
		o.gen.refuse(L, http.StatusConflict, message)
	default:
		o.count(idempotentInProgress)
		o.gen.refuse(L, http.StatusConflict, "A request with this key is in progress")
	}
	return nil, true
}

// ask has do ask the store.
func (o *idempotent) ask(L *lua.LState, do func(context.Context)) {
	if o.store.Local() {
		do(context.Background())
		return
	}
	o.gen.vm.await(L, waitsOn{what: "api.idempotent"}, do)
}

func (g *Generation) refuse(L *lua.LState, status int, message string) int {
	return g.pushReply(L, response.Error(status, message))
}

// replayed is the answer of the first request, for another one.
func replayed(a *idempotency.Answer) response.Response {
	header := a.Header.Clone()
	header["Idempotency-Replayed"] = []string{"true"}
	return response.Response{Status: a.Status, Header: header, Body: a.Body}
}

// first runs the handler of the request that has claimed its key, and says what is kept of it. The
// client may leave meanwhile: the request that it makes next gets the answer.
func (o *idempotent) first(L *lua.LState, x *Exchange, claim *idempotency.Claim) int {
	vm := o.gen.vm
	c := vm.cur
	client := c.ctx
	c.ctx, x.forward.lasting = context.WithoutCancel(client), true
	defer func() { c.ctx, x.forward.lasting = client, false }()

	ctx, before := L.Get(1), len(x.forward.handovers)
	var res reply
	var wrong string
	var values [3]lua.LValue
	L.Push(L.NewFunction(func(L *lua.LState) int {
		L.Push(o.handler)
		L.Push(ctx)
		L.Call(1, 3)
		values = [3]lua.LValue{L.Get(-3), L.Get(-2), L.Get(-1)}
		var own outcome // its buffer is the response's
		if res, wrong = own.replyFor(vm.budget, response.Returned{Value: values[0], Status: values[1], Headers: values[2]}); wrong == "" {
			x.takeWhole(L, &res)
		}
		return 0
	}))
	unknown := func(ctx context.Context) error { return claim.Seal(ctx, idempotency.Unknown, o.ttl) }
	failed := func(ended bool) { // the handler: nobody gets an answer again
		switch {
		case x.mayHaveActed(x.forward.handovers[before:]):
			x.upload.received = nil // nor is it passed on once more
			o.settle(x, unknown)
		case ended:
			o.settle(x, unknown)
		default:
			o.settle(x, claim.Free)
		}
	}
	outer := glua.SwapUpvalues(L, nil)
	err := L.PCall(0, 0, nil)
	glua.SwapUpvalues(L, outer)
	if err != nil {
		// An error is the script's word that nothing came of it. What ended it from outside is not.
		failed(vm.budget.Err() != nil || c.waitErr != nil)
		var api *lua.ApiError
		if errors.As(err, &api) {
			panic(api) // as it was raised, with its traceback
		}
		panic(err)
	}
	if wrong != "" { // whoever takes it says so
		failed(false)
		for _, v := range values {
			L.Push(v)
		}
		return 3
	}
	ended := false
	defer func() {
		if !ended { // its time was over before the store had answered
			o.settle(x, unknown)
		}
	}()
	o.end(L, x, claim, &res, x.forward.handovers[before:])
	ended = true
	L.Push(luaval.NewObject(vm.types.response, &res))
	return 1
}

// end says what is kept of the answer. handovers are those of the handler.
func (o *idempotent) end(L *lua.LState, x *Exchange, claim *idempotency.Claim, res *reply, handovers []*handover) {
	answer, why := x.keepable(res)
	if answer == nil && why == "" && x.mayHaveActed(handovers) {
		why = unknownOutcome
	}
	var err error
	o.ask(L, func(ctx context.Context) {
		switch {
		case answer != nil:
			if err = claim.Keep(ctx, answer, o.ttl); errors.Is(err, idempotency.ErrTooLarge) || errors.Is(err, store.ErrFull) {
				why = err.Error()
				err = claim.Seal(ctx, idempotency.NotKept, o.ttl)
			}
		case why == "":
			err = claim.Free(ctx)
		case why == unknownOutcome:
			err = claim.Seal(ctx, idempotency.Unknown, o.ttl)
		default:
			err = claim.Seal(ctx, idempotency.NotKept, o.ttl)
		}
	})
	switch {
	case err != nil:
		x.log().Warn("the answer of an idempotent request was not kept", zap.Error(err), zap.String("route", x.running.route))
	case why != "":
		x.log().Warn("the answer of an idempotent request cannot be given again", zap.String("reason", why), zap.String("route", x.running.route))
	}
}

// settle tells the store how a request has ended that raises: nobody waits for that.
func (o *idempotent) settle(x *Exchange, do func(context.Context) error) {
	log, route := x.log(), x.running.route
	work := func() {
		ctx, cancel := context.WithTimeout(context.Background(), defaultAnswerWait)
		defer cancel()
		if err := do(ctx); err != nil {
			log.Warn("the end of an idempotent request was not kept", zap.Error(err), zap.String("route", route))
		}
	}
	if o.store.Local() {
		work()
	} else {
		o.gen.vm.closings.Go(work)
	}
}

const unknownOutcome = "whether the upstream has done what the request asks for is not known"
