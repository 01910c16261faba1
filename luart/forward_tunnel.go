package luart

import (
	"net/http"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// opensTunnel reports whether the head of a response opens a tunnel: 101 to an Upgrade, or
// 2xx to the CONNECT (socket) that a WebSocket over HTTP/2 and 3 is. Behind it there is no body,
// but what client and upstream have to say to each other, and that is none of Lua's business.
//
// Whoever does not know the upgrade may answer a WebSocket over HTTP/2 as it would answer a
// GET, and any other CONNECT too. That must not pass for a tunnel, or it would be a way round
// every filter. A real one has no length and no type, and Caddy's reverse proxy names itself in
// Via in all responses but those that it has upgraded.
func opensTunnel(socket bool, status int, h http.Header) bool {
	switch {
	case status == http.StatusSwitchingProtocols:
		return true
	case !socket, status < 200, status > 299, len(h["Content-Type"]) > 0:
		return false
	}
	if length, _ := strconv.ParseInt(h.Get("Content-Length"), 10, 64); length > 0 {
		return false
	}
	for _, via := range h["Via"] {
		if strings.HasSuffix(via, " Caddy") {
			return false
		}
	}
	return true
}

// mayTunnel reports whether a handler that gets its head through may open a tunnel, for all
// that is known: so it may with any 2xx to CONNECT, where a handler is a forward proxy. What the
// script refuses of these it refuses as a tunnel.
func (h *handover) mayTunnel() bool {
	return h.tunnel || h.method == http.MethodConnect && h.came >= 200 && h.came <= 299
}

// filteredMethod is the method that says whether a response that is no tunnel has a body to
// be filtered: whatever a CONNECT is answered with, the client gets the bytes.
func (x *Exchange) filteredMethod() string {
	if x.r.Method == http.MethodConnect {
		return http.MethodGet
	}
	return x.r.Method
}

// isTunnel reports whether what the script sees is the head of a tunnel.
func (r *reply) isTunnel() bool { return r.from != nil && r.from.tunnel }

// refuseTunnel makes r an answer without a body in the place of a tunnel, which is closed
// when it is clear that nobody wants it after all.
func (r *reply) refuseTunnel(L *lua.LState, status int) {
	if r.from.socket && status < 300 {
		luaval.ArgError(L, 3, "a 2xx to CONNECT opens the tunnel: refuse it with a status from 300 on, not "+strconv.Itoa(status))
	}
	r.makeOwn()
	for name := range r.Header { // the proxy writes WebSocket, not Websocket
		switch strings.ToLower(name) {
		case "connection", "upgrade", "content-length", "sec-websocket-accept", "sec-websocket-protocol", "sec-websocket-extensions":
			delete(r.Header, name)
		}
	}
	r.Status, r.Body, r.filters, r.trailing = status, nil, nil, nil
}

// closeRefused sees to it that a client whose upgrade has been refused is not heard any
// more on this connection: it, or a proxy in front of it, may take it for a tunnel and send
// what is not meant for us. So it is with a CONNECT that anybody answers. Over HTTP/2 and 3
// the stream is all there is to close.
func (x *Exchange) closeRefused() {
	if x.r.ProtoMajor > 1 || x.outcome.reply.isTunnel() {
		return
	}
	if x.r.Method == http.MethodConnect || x.forward.hasTunnel() {
		x.outcome.reply = x.outcome.reply.clone() // the script may return it again
		x.outcome.reply.Header["Connection"] = []string{"close"}
	}
}
