package response

import (
	"net/http"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// Decision is what a script decided about a request.
type Decision int

const (
	Answer Decision = iota // Lua answers; Exchange.Write sends it
	Pass                   // go on to the next handler
	Proxy                  // hand over to the upstreams in Exchange.ProxyTo
)

// Response is a response as a script makes it, or says of it: its status, its headers and its own
// body. One that a script built may be returned any number of times, so sending one does not change
// it.
type Response struct {
	Decision Decision
	Status   int

	ByDefault bool               // the script has not said which status
	Raised    *scripterror.Error // whoever handles errors is to answer instead; nil: no

	Type   string      // Content-Type, unless header has one
	Header http.Header // nil until one is set
	Body   []byte
	Stream *Stream // makes the body instead
	Proxy  *proxy.To
}

// HeaderMap returns the headers, to write to.
func (r *Response) HeaderMap() http.Header {
	if r.Header == nil {
		r.Header = make(http.Header, 4)
		if r.Type != "" {
			r.Header["Content-Type"] = []string{r.Type}
		}
	}
	return r.Header
}

// Error is {"error": message}.
func Error(status int, message string) Response {
	return Faults(status, message, nil)
}

// Faults is {"error": message, "errors": …}, with the JSON text errors if it is not nil.
func Faults(status int, message string, errors []byte) Response {
	body := jsonlua.AppendString([]byte(`{"error":`), message)
	if errors != nil {
		body = append(append(body, `,"errors":`...), errors...)
	}
	return Response{Status: status, Type: TypeJSON, Body: append(body, '}')}
}

// Invalid is the answer to what expect or rover.guard has found wrong: errors is the list of faults, as
// JSON.
func Invalid(status int, errors []byte) Response {
	body := append(append([]byte(`{"errors":`), errors...), '}')
	return Response{Status: status, Type: TypeJSON, Body: body}
}

const (
	TypeJSON = "application/json"
	typeText = "text/plain; charset=utf-8"
	TypeHTML = "text/html; charset=utf-8"
	typeRaw  = "application/octet-stream"
)
