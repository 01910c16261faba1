package luart

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// StatusClientClosed is the status of a request whose client has left; nobody
// receives it. It is nginx's and Caddy's number.
const StatusClientClosed = 499

// ScriptError is an error that a script raised and did not catch, or the reason for
// which it was ended.
type ScriptError struct {
	Status    int    // what the client gets: 500, 504 for the timeout, 499, 503 at the end of the VM
	Message   string // "app.lua:12: …", or what the script gave in error{message=…}
	Traceback string // Lua's, from the innermost call outwards; may be empty

	// Deliberate says that the script chose Status and Message: error{status=409, …}.
	// They may be shown to the client.
	Deliberate bool

	// Errors is what a deliberate one gave in error{errors = {…}}, as JSON: the list of faults of
	// body:expect, say. nil: nothing.
	Errors []byte

	// Header is what the script wants sent along: error{status=401, headers={…}}. nil: nothing.
	Header http.Header

	// Handle says that the script wants whoever handles errors to answer a deliberate one, if
	// there is anybody: error{status=404, handle=true}.
	Handle bool

	killed  bool               // it was ended because of its burst or memory
	refused bool               // the VM is overloaded, which is not the script's fault
	about   *chunk.Explanation // nil: nobody has asked
}

func (e *ScriptError) Error() string { return e.Message }

// About says where the error is and what to do, nil if nobody has asked: of an error of Load and
// DryRun somebody has.
func (e *ScriptError) About() *chunk.Explanation { return e.about }

// maxMessageBytes is how much of an error's message is kept for on_error and the log. A script can
// make one of 16 MiB for each request.
const maxMessageBytes = 8 << 10

// maxTracebackBytes of a traceback are kept. A chunk given to load may have any name.
const maxTracebackBytes = 16 << 10

// ErrorFields are what an error table with a status may have: error{status = 409, message = "taken"}.
var ErrorFields = []string{"errors", "handle", "headers", "message", "status"}

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
		return &ScriptError{Status: http.StatusInternalServerError, Message: err.Error(), killed: killed}
	}
	stack := api.StackTrace
	if api.Type == lua.ApiErrorPanic {
		stack = c.logPanic(api)
	}
	e := &ScriptError{Status: http.StatusInternalServerError, Traceback: loglimit.Cut(cleanTraceback(c, stack), maxTracebackBytes)}
	switch obj := api.Object.(type) {
	case *lua.LTable:
		e.Message = "error object without a message"
		if m := obj.RawGetString("message"); m != lua.LNil {
			e.Message = lua.LVAsString(m)
		}
		if status, ok := obj.RawGetString("status").(lua.LNumber); ok {
			if status >= 400 && status <= 599 && status == lua.LNumber(int(status)) {
				e.Status, e.Deliberate = int(status), true
				e.Handle = obj.RawGetString("handle") == lua.LTrue
				e.Errors = vm.errorList(obj)
				if header, err := errorHeaders(obj); err == nil {
					e.Header = header
				} else {
					e.Status, e.Deliberate, e.Handle = http.StatusInternalServerError, false, false
					e.Message = err.Error() + ": " + e.Message
				}
			}
		}
	case lua.LString:
		e.Message = string(obj)
	default:
		e.Message = obj.String()
	}
	if !e.Deliberate && len(e.Message) > maxMessageBytes {
		e.Message = fmt.Sprintf("%s (%d bytes)", loglimit.Cut(e.Message, maxMessageBytes), len(e.Message))
	}
	switch {
	case why != nil:
		e.Status, e.Deliberate, e.Handle, e.Header, e.killed = http.StatusInternalServerError, false, false, nil, killed
		if !killed {
			e.Status = endedStatus(why)
		}
		if !strings.Contains(e.Message, why.Error()) {
			e.Message = why.Error() + ": " + e.Message
		}
	case c.waitErr != nil && strings.Contains(e.Message, c.waitErr.Error()):
		e.Status = endedStatus(c.waitErr)
		e.refused = errors.Is(c.waitErr, errReceiving)
	case strings.Contains(e.Message, "lua callstack overflow"):
		e.Message = strings.Replace(e.Message, "lua callstack overflow", "stack overflow", 1)
	}
	return e
}

// errorList is the list in an error table's errors as JSON; nil where there is none that JSON has.
func (vm *VM) errorList(t *lua.LTable) []byte {
	list, ok := t.RawGetString("errors").(*lua.LTable)
	if !ok {
		return nil
	}
	text, err := jsonlua.Append(vm.budget, nil, list)
	if err != nil {
		return nil
	}
	return text
}

// logPanic logs that a function of Go has panicked which the script has called, with its stack: 4 KiB
// of it, which gopher-lua has put in front of the script's traceback. It returns that one. Only the
// holder may call it.
func (c *call) logPanic(err *lua.ApiError) (traceback string) {
	goStack, traceback, found := strings.Cut(err.StackTrace, "\nstack traceback:")
	if !found {
		return err.StackTrace
	}
	message := err.Object.String()
	if !strings.Contains(message, "callstack overflow") && !strings.Contains(message, "registry overflow") { // these are the script's
		c.log().Error("a function of Go has panicked that the script called",
			zap.String("error", loglimit.Cut(message, maxMessageBytes)), zap.String("go_stack", goStack))
	}
	return "stack traceback:" + traceback
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

// cleanTraceback drops the lines that gopher-lua prints for its own frames and for
// functions of ours that no script has called by a name, and calls the function that a
// request called what it is.
func cleanTraceback(c *call, s string) string {
	lines := strings.Split(s, "\n")
	kept := lines[:0]
	for _, line := range lines {
		switch strings.TrimSpace(line) {
		case "[G]: ?", "[G]: in function (anonymous)":
			continue
		}
		if at, ok := strings.CutSuffix(line, "in main chunk"); ok && c.x != nil {
			line = at + "in the handler"
		} else if at, ok := strings.CutSuffix(line, "in corountine"); ok { // gopher-lua's spelling
			line = at + "in a coroutine"
		}
		kept = append(kept, line)
	}
	if len(kept) == 1 { // nothing but the heading
		return ""
	}
	return strings.Join(kept, "\n")
}
