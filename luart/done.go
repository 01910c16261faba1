package luart

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/costs"
	"github.com/caddy-rover/rover/luart/done"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// A done hook, api.done.x = function(ctx, summary), runs when a request has ended, whatever
// became of it. What holds for it:
//
//  1. Once a function of the script has run for a request, or somebody else has got it as the
//     script left it, its done hooks run, once each. Where the VM refused the request none do:
//     the script has not seen it.
//  2. They run on a goroutine of their own, when the handler has returned: the client does not
//     wait for them, and they see a copy of the request, and no writer and no body of it.
//  3. They belong to the generation that served the request, replaced or not.
//  4. None is dropped for being one too many. Those that have not ended are counted: at
//     Limits.MaxWaiting requests that have done hooks are refused, before they begin.
//  5. Close waits for them, and for requests that have them, as long as it waits for handlers.

// ErrTooManyDone says that a request was refused for the done hooks of others that have not ended.
var ErrTooManyDone = done.ErrTooMany

// doneTimeout is what one done hook has where the script has no timeout: it must end, for
// others are counted on its account.
const doneTimeout = 30 * time.Second

// doneWatch is what done hooks will be told of a request. The goroutine that serves the request
// uses it.
type doneWatch struct {
	writer  done.Writer
	arrived int64 // by VM.nanotime
	entered bool  // it counts in VM.done
	seen    bool  // Run was not refused
	request *http.Request
	peer    peer
	quota   *eventloop.Quota

	returned bool // the handler has, and did not panic
	err      error
}

// peer is what the server knows of the other end of the connection.
type peer struct {
	clientIP string
	trusted  bool // what it says of the client is true
}

// watchDone has what becomes of the request watched, if it may have done hooks: a before hook may
// rewrite it to a path that has some.
func (x *Exchange) watchDone() {
	if len(x.match.Done) == 0 && len(x.match.Before) == 0 {
		return
	}
	d := &doneWatch{arrived: x.gen.vm.nanotime()}
	d.writer.ResponseWriter = x.w
	x.w = &d.writer
	if x.r.Body != nil && x.r.Body != http.NoBody {
		x.r.Body = &done.Body{ReadCloser: x.r.Body, W: &d.writer}
	}
	x.done = d
}

// Writer is what the response is to be written to: the writer that Begin got, watched where that
// is asked for.
func (x *Exchange) Writer() http.ResponseWriter { return x.w }

// HasDone reports whether done hooks may be told of the end of the request. End must not be called
// before whoever the request goes on to has returned.
func (x *Exchange) HasDone() bool { return x.done != nil }

// Returned says that the handler returns, and with what: with an error somebody else answers.
// Where it is not called before End the handler has panicked, and broken the response off.
func (x *Exchange) Returned(err error) {
	if x.done != nil {
		x.done.returned, x.done.err = true, err
	}
}

// admitDone counts the request among those that have done hooks.
func (x *Exchange) admitDone() error {
	if x.done == nil {
		return nil
	}
	err := x.gen.vm.done.Enter(x.gen.vm.loop.MaxWaiting())
	x.done.entered = err == nil
	return err
}

// rememberRequest keeps the request as Lua has left it: those who go on with it may change it.
func (x *Exchange) rememberRequest() {
	d, r := x.done, x.r
	url := *r.URL
	d.seen = true
	d.quota = x.quota()
	d.peer = x.peer()
	d.request = &http.Request{
		Method: r.Method, URL: &url, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header: r.Header.Clone(), Host: r.Host, RemoteAddr: r.RemoteAddr, RequestURI: r.RequestURI,
		TLS: r.TLS, ContentLength: r.ContentLength, Body: http.NoBody,
	}
}

// finished is a request that has ended, with its done hooks.
type finished struct {
	x       *Exchange // its own: a request that is over
	hooks   []*handler
	summary doneSummary
	after   context.Context // somebody else answers the request, until this ends; nil: nobody does
}

// doneSummary is what done hooks are told.
type doneSummary struct {
	Summary
	status   int
	in, out  int64
	duration time.Duration
	upstream string
	tries    int
	aborted  bool
}

// finish returns the request with the done hooks that are to run, nil if there are none. s says how
// it has gone. Nothing of the request must run any more.
func (x *Exchange) finish(s Summary) *finished {
	d := x.done
	if d == nil {
		return nil
	}
	if !d.seen || len(x.match.Done) == 0 {
		if d.entered {
			x.gen.vm.done.Leave(false)
		}
		return nil
	}
	x.gen.vm.done.End()
	over := &Exchange{id: x.id, over: d}
	over.gen, over.x, over.kind = x.gen, over, "done"
	over.ctx = context.Background()
	over.r = d.request
	over.match.Handler = x.match.Handler
	over.match.Params = slices.Clone(x.match.Params)
	f := &finished{x: over, hooks: slices.Clone(x.match.Done), summary: doneSummary{
		Summary: s, status: d.writer.Status, in: d.writer.In.Load(), out: d.writer.Out.Load(),
		duration: time.Duration(x.gen.vm.nanotime() - d.arrived),
		aborted:  x.isAborted(),
	}}
	switch ctx := x.r.Context(); {
	case d.err != nil && f.summary.status == 0:
		f.summary.status = x.host.ErrorStatus(d.err)
		if ctx.Done() != nil {
			f.after = ctx
		}
	case d.returned && f.summary.status == 0:
		f.summary.status = http.StatusOK // what net/http sends
	}
	f.summary.upstream, f.summary.tries = x.whereTo()
	if x.trace != nil {
		for _, h := range slices.Backward(f.hooks) {
			x.trace.Record(h.route+" ("+h.where+")", "runs now that the response has ended")
		}
	}
	return f
}

// keep takes what scripts have kept with ctx:set. Only the holder may call it, or anybody when no
// script has x any more; f may be nil.
func (f *finished) keep(x *Exchange) {
	if f != nil {
		f.x.luaCtx.values = x.luaCtx.values
		f.x.facts = x.facts
	}
}

// isAborted reports whether the client has not got the whole response.
func (x *Exchange) isAborted() bool {
	d := x.done
	left := x.r.Context().Err() != nil
	switch {
	case !d.returned, d.writer.Failed:
		return true
	case d.err != nil:
		return left || x.host.ErrorStatus(d.err) == StatusClientClosed
	case d.writer.Hijacked:
		return false
	}
	return left && !d.writer.IsWhole(x.r.Method)
}

// whereTo returns the upstream that was asked last, "" for none, and how many were asked.
func (x *Exchange) whereTo() (upstream string, tries int) {
	asked := func(address string, n int) {
		if tries += n; address != "" {
			upstream = address
		}
	}
	origin := x.outcome.reply.origin
	counted := x.outcome.decision == Answer && origin == nil // nobody was asked but by handovers
	for _, h := range x.forward.handovers {
		switch {
		case h == origin:
			counted = true
			asked(x.host.Upstream(x.r))
		case h.to != nil && h.hasReturned():
			asked(h.upstream, h.tries)
		}
	}
	if !counted {
		asked(x.host.Upstream(x.r))
	}
	return upstream, tries
}

// start has the hooks run, soon. f may be nil.
func (f *finished) start() {
	if f == nil {
		return
	}
	f.x.gen.vm.clock.Begin(1)
	if f.after != nil {
		context.AfterFunc(f.after, f.run)
	} else {
		go f.run()
	}
}

// run runs the hooks. Any goroutine may call it.
func (f *finished) run() {
	vm := f.x.gen.vm
	defer vm.done.Leave(true)
	defer vm.clock.End()
	err := vm.loop.DoAdmitted(func(th *thread) error { f.runHooks(th); return nil })
	var panicked *eventloop.PanicError
	switch {
	case errors.As(err, &panicked):
		f.x.gen.logger.Error("panic in the VM", zap.Error(err), zap.ByteString("go_stack", panicked.Stack),
			zap.String("handler", f.x.running.route))
	case err != nil:
		f.lost()
	}
}

// keepOpenForDone keeps the loop, which is about to be closed, from ending while there are requests
// whose done hooks have not: until ctx ends, and then as long as handlers may clean up. It
// returns a function that says, when the loop has closed, how many tasks it took for this.
func (vm *VM) keepOpenForDone(ctx context.Context) (took func() int) {
	none := vm.done.Close()
	select {
	case <-none:
		return func() int { return 0 }
	default:
	}
	grace, end := context.WithCancel(context.Background())
	late := context.AfterFunc(ctx, func() { time.AfterFunc(vm.cleanupGrace, end) })
	waits := make(chan struct{})
	tasks := 0
	var keeper sync.WaitGroup
	keeper.Go(func() {
		defer end()
		err := vm.loop.DoAdmitted(func(*thread) error {
			vm.loop.Detach(nil, func() {
				close(waits)
				select {
				case <-none:
				case <-grace.Done():
				}
				if ctx.Err() != nil {
					<-vm.loop.Stopping() // Close has counted this task
					tasks = 1
				}
			})
			return nil
		})
		if err != nil {
			close(waits)
		}
	})
	<-waits
	return func() int {
		late()
		keeper.Wait()
		return tasks
	}
}

// DoneLeft returns how many requests have done hooks that have not ended. After Close these are
// requests that others, who got them from a script, have not ended: nobody runs their hooks any
// more. Any goroutine may call it.
func (vm *VM) DoneLeft() int { return vm.done.Left() }

// lost says that the VM has closed before the hooks could run.
func (f *finished) lost() {
	f.x.gen.logger.Error("done hooks have not run: the server has stopped",
		zap.String("method", f.x.r.Method), zap.String("uri", f.x.r.RequestURI), zap.String("request_id", f.x.id))
}

// runHooks calls the hooks, as after hooks the innermost first. One that fails does not keep the
// others from running.
func (f *finished) runHooks(th *thread) {
	x := f.x
	vm := x.gen.vm
	outcome := costs.Answered
	stats := vm.costs.Background("done")
	for _, h := range slices.Backward(f.hooks) {
		if x.gen.inQuarantine(h) {
			continue // the log has said so
		}
		if x.th == nil {
			vm.start(&x.call, th)
		} else {
			vm.resume(&x.call, th.L) // a burst of its own
		}
		x.setDeadline()
		if x.gen.timeout <= 0 {
			x.deadline = vm.deadline(doneTimeout)
		}
		_, err := x.callHandler(h, f.summary.table(vm.main))
		x.runEndings()
		if err != nil {
			outcome = costs.Failed
			stats.AddError()
			x.logDone(err, h)
		}
	}
	x.luaCtx.invalidate(false)
	if x.th == nil {
		return
	}
	x.endSlice()
	cost := x.cost
	cost.Lua += time.Duration(x.record.others.Load())
	stats.Add(outcome, cost)
}

// logDone logs what a done hook has failed with.
func (x *Exchange) logDone(err *ScriptError, h *handler) {
	x.gen.recordError(h.route, h.where, err)
	if err.Killed {
		x.gen.killed(h)
	}
	x.log().Error("done hook failed", append(scripterror.LogFields(x.gen.explain(err)),
		zap.String("handler", h.route),
		zap.String("defined_at", h.where),
		zap.String("error", err.Whole()),
		zap.String("traceback", err.Traceback))...)
}

// table makes a summary for one hook.
func (s *doneSummary) table(L *lua.LState) *lua.LTable {
	t := L.CreateTable(0, 13)
	t.RawSetString("status", lua.LNumber(s.status))
	t.RawSetString("outcome", lua.LString(s.Outcome))
	t.RawSetString("aborted", lua.LBool(s.aborted))
	t.RawSetString("bytes_in", lua.LNumber(s.in))
	t.RawSetString("bytes_out", lua.LNumber(s.out))
	t.RawSetString("duration", lua.LNumber(s.duration.Seconds()))
	t.RawSetString("lua_time", lua.LNumber(s.Lua.Seconds()))
	t.RawSetString("wait_time", lua.LNumber(s.Wait.Seconds()))
	t.RawSetString("queue_time", lua.LNumber(s.Queue.Seconds()))
	t.RawSetString("tries", lua.LNumber(s.tries))
	if s.Route != "" {
		t.RawSetString("route", lua.LString(s.Route))
	}
	if s.upstream != "" {
		t.RawSetString("upstream", lua.LString(s.upstream))
	}
	if s.Failure != nil {
		t.RawSetString("error", lua.LString(s.Failure.Message))
	}
	return t
}
