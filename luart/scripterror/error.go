package scripterror

import (
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

// Error is an error that a script raised and did not catch, or the reason for
// which it was ended. It belongs to who has it.
type Error struct {
	Status    int    // what the client gets: 500, 504 for the timeout, 499, 503 at the end of the VM
	Message   string // "app.lua:12: …", or what the script gave in error{message=…}
	Traceback string // Lua's, from the innermost call outwards; may be empty

	// Cause is why, in words for who reads the log: error{status=503, message=…, cause=…}.
	Cause string

	// Deliberate says that the script chose Status and Message: error{status=409, …}.
	// They may be shown to the client.
	Deliberate bool

	// Errors is what a deliberate one gave in error{errors = {…}}, as JSON: the list of faults of
	// body:expect, say. nil: nothing.
	Errors []byte

	// Faults is what expect or rover.guard has found wrong with what the client sent; nil: it is
	// another error. Then Errors is all that the client gets.
	Faults *schema.Faults

	// Header is what the script wants sent along: error{status=401, headers={…}}. nil: nothing.
	Header http.Header

	// Handle says that the script wants whoever handles errors to answer a deliberate one, if
	// there is anybody: error{status=404, handle=true}.
	Handle bool

	// Quiet says that the log has had a line with the reason of a deliberate one just now.
	Quiet bool

	// Killed says that it was ended because of its burst or memory, Refused that the VM is overloaded,
	// which is not the script's fault.
	Killed, Refused bool

	ended string             // what Message begins with, where that is why the script was ended
	about *chunk.Explanation // nil: nobody has asked
}

func (e *Error) Error() string { return e.Message }

// Whole is Error and the cause, which no client is shown.
func (e *Error) Whole() string {
	if e.Cause == "" {
		return e.Message
	}
	return e.Message + ": " + e.Cause
}

// About says where the error is and what to do, nil if nobody has asked: of an error of Load and
// DryRun of package luart somebody has.
func (e *Error) About() *chunk.Explanation { return e.about }

// SetAbout says what About is to say.
func (e *Error) SetAbout(about *chunk.Explanation) { e.about = about }

// MaxMessageBytes is how much of an error's message is kept for on_error and the log. A script can
// make one of 16 MiB for each request.
const MaxMessageBytes = 8 << 10

// MaxTracebackBytes of a traceback are kept. A chunk given to load may have any name.
const MaxTracebackBytes = 16 << 10

// Fields are what an error table with a status may have: error{status = 409, message = "taken"}.
var Fields = []string{"cause", "errors", "handle", "headers", "message", "status"}

// Raised makes an Error of what Lua code has raised. The budget bounds how long that takes.
func Raised(b luaval.Budget, err *lua.ApiError, traceback string) *Error {
	e := &Error{Status: http.StatusInternalServerError, Traceback: loglimit.Cut(traceback, MaxTracebackBytes)}
	switch obj := err.Object.(type) {
	case *lua.LTable:
		e.Message = "error object without a message"
		if m := obj.RawGetString("message"); m != lua.LNil {
			e.Message = lua.LVAsString(m)
		}
		if cause, ok := luaval.StringValue(obj.RawGetString("cause")); ok {
			e.Cause = loglimit.Cut(cause, MaxMessageBytes)
		}
		if status, ok := obj.RawGetString("status").(lua.LNumber); ok {
			if status >= 400 && status <= 599 && status == lua.LNumber(int(status)) {
				e.Status, e.Deliberate = int(status), true
				e.Handle = obj.RawGetString("handle") == lua.LTrue
				e.Quiet = luaval.IsQuiet(obj)
				e.Errors, e.Faults = Faults(b, obj), expect.FaultsOf(obj)
				if header, wrong := Headers(obj); wrong == nil {
					e.Header = header
				} else {
					e.Status, e.Deliberate, e.Handle = http.StatusInternalServerError, false, false
					e.Message = wrong.Error() + ": " + e.Message
				}
			}
		}
	case lua.LString:
		e.Message = string(obj)
	default:
		e.Message = obj.String()
	}
	if !e.Deliberate && len(e.Message) > MaxMessageBytes {
		e.Message = fmt.Sprintf("%s (%d bytes)", loglimit.Cut(e.Message, MaxMessageBytes), len(e.Message))
	}
	e.Message = strings.Replace(e.Message, "lua callstack overflow", "stack overflow", 1)
	return e
}

// End makes e an error for which the script was ended with a status, whatever it has raised.
func (e *Error) End(why error, status int, killed bool) {
	e.Status, e.Deliberate, e.Handle, e.Quiet, e.Header, e.Killed = status, false, false, false, nil, killed
	if !strings.Contains(e.Message, why.Error()) {
		e.ended = why.Error() + ": "
		e.Message = e.ended + e.Message
	}
}

// Faults is the list in an error table's errors as JSON; nil where there is none that JSON has.
func Faults(b luaval.Budget, t *lua.LTable) []byte {
	list, ok := t.RawGetString("errors").(*lua.LTable)
	if !ok {
		return nil
	}
	text, err := jsonlua.Append(b, nil, list)
	if err != nil {
		return nil
	}
	return text
}

// Headers returns the headers in an error table, error{status=, headers=}; the error says that they
// cannot be a response's.
func Headers(e *lua.LTable) (http.Header, error) {
	v := e.RawGetString("headers")
	if v == lua.LNil {
		return nil, nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the headers of the error are a %s: a table expected", luaval.TypeName(v))
	}
	headers, err := luaval.Headers(t)
	if err != nil {
		return nil, fmt.Errorf("the headers of the error: %w", err)
	}
	if why := luaval.FramingIn(headers); why != "" {
		return nil, fmt.Errorf("the headers of the error: %s", why)
	}
	return headers, nil
}

// Table is e as on_error gets it.
func (e *Error) Table(L *lua.LState) *lua.LTable {
	t := luaval.NewError(e.Status, e.Message)
	t.RawSetString("traceback", lua.LString(e.Traceback))
	if e.Cause != "" {
		t.RawSetString("cause", lua.LString(e.Cause))
	}
	if list, bad := jsonlua.Decode(L, e.Errors); bad == nil {
		t.RawSetString("errors", list)
	}
	if e.Faults != nil {
		expect.Mark(L, t, e.Faults)
	}
	if e.Header != nil {
		t.RawSetString("headers", luaval.PlainHeaderTable(e.Header))
	}
	return t
}
