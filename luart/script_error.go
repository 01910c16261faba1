package luart

import (
	"errors"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/reqbody"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// StatusClientClosed is the status of a request whose client has left; nobody
// receives it. It is nginx's and Caddy's number.
const StatusClientClosed = 499

// ScriptError is an error that a script raised and did not catch, or the reason for
// which it was ended.
type ScriptError = scripterror.Error

// scriptError makes a ScriptError of what a protected call returned. Only the holder
// may call it, right after the call.
func (vm *VM) scriptError(c *call, err error) *ScriptError {
	c.failed = true
	why := vm.budget.Err()
	killed := why != nil && !errors.Is(why, errKilled) && !errors.Is(why, errStopping)
	if killed {
		vm.kills.Add(1)
	}
	var api *lua.ApiError
	if !errors.As(err, &api) {
		return &ScriptError{Status: http.StatusInternalServerError, Message: err.Error(), Killed: killed}
	}
	stack := api.StackTrace
	if api.Type == lua.ApiErrorPanic {
		stack = c.logPanic(api)
	}
	e := scripterror.Raised(vm.budget, api, scripterror.CleanTraceback(stack, c.x != nil))
	switch {
	case killed:
		e.End(why, http.StatusInternalServerError, true)
	case why != nil:
		e.End(why, endedStatus(why), false)
	case c.waitErr != nil && strings.Contains(e.Message, c.waitErr.Error()):
		e.Status = endedStatus(c.waitErr)
		e.Refused = errors.Is(c.waitErr, errReceiving)
	}
	return e
}

// logPanic logs that a function of Go has panicked which the script has called, with its stack. It returns
// the script's traceback. Only the holder may call it.
func (c *call) logPanic(err *lua.ApiError) (traceback string) {
	goStack, traceback := scripterror.Panic(err)
	if goStack != "" {
		c.log().Error("a function of Go has panicked that the script called",
			zap.String("error", loglimit.Cut(err.Object.String(), scripterror.MaxMessageBytes)), zap.String("go_stack", goStack))
	}
	return traceback
}

func endedStatus(err error) int {
	switch {
	case errors.Is(err, errTimeout):
		return http.StatusGatewayTimeout
	case errors.Is(err, errClientGone):
		return StatusClientClosed
	case errors.Is(err, reqbody.ErrSlow):
		return http.StatusRequestTimeout
	default:
		return http.StatusServiceUnavailable
	}
}

// explain says where a script error is, and what to do. Only the holder may call it.
func (g *Generation) explain(err *ScriptError) *chunk.Explanation {
	if err.About() == nil {
		if about := err.Locate(&g.sources); about.Hint == "" {
			about.Hint = g.hint(err)
		}
	}
	return err.About()
}

// hint says what to do about a script error, empty when nothing is sure. Only the holder may
// call it.
func (g *Generation) hint(err *ScriptError) string {
	if err.Killed {
		return ""
	}
	return hint.For(g.names(), &g.sources, err.Message, err.About())
}

// explainSyntax says what is to be said of a script that does not compile. Any goroutine
// may call it that owns err.
func (g *Generation) explainSyntax(err *chunk.SyntaxError) {
	f := g.sources.Get(err.File)
	if f == nil {
		return
	}
	err.About = &chunk.Explanation{File: f, Line: min(err.Line, len(f.Lines())), Column: err.Column, Hint: f.SyntaxHint(err)}
}

// recordError remembers an error of g that was logged. Only the holder may call it, since
// the error's hint may have to be found.
func (g *Generation) recordError(in, defined string, err *ScriptError) {
	g.explain(err)
	g.vm.recentErrors.Record(in, defined, g.number, err)
}

// RecentErrors returns the latest script errors, the last one first. Any goroutine may call it.
func (vm *VM) RecentErrors() []scripterror.Recent { return vm.recentErrors.List() }
