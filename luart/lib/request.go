package lib

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"
)

// Request is a request that a script handles, its ctx. Only the holder may use it. It may be kept:
// once Settled, what it is told has no effect.
type Request interface {
	// HTTP is the request as it is now. It is not to be changed, nor kept, and is nil once the
	// script's part of the request is over.
	HTTP() *http.Request

	// Protocol is "https" or "http": what the client speaks.
	Protocol() string

	// Value returns what SetValue was given with a key, nil for nothing. It lasts as long as the
	// request.
	Value(key any) any
	SetValue(key, value any)

	// BeforeHead has do called, protected, before the head of the response goes out: when the
	// handlers have run, and again after the after hooks. It may wait, and what it raises is
	// answered in place of the response. failed says that a function of the script has failed, and last
	// that nothing of it runs any more before the head is sent.
	BeforeHead(do func(L *lua.LState, failed, last bool))

	// SetCookie has a line Set-Cookie sent with the response, whoever makes that. It takes the
	// place of one that was set for the same name before.
	SetCookie(name, line string)

	// Settled reports whether nothing can be said about the head of the response any more.
	Settled() bool
}
