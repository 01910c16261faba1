package route

import (
	"net/http"
	"sort"
	"strings"
)

// IsExtendedConnect reports whether r opens a WebSocket over HTTP/2 (RFC 8441) or HTTP/3 (RFC
// 9220). Such a request says CONNECT, but it is the GET with an Upgrade of HTTP/1.1, and that is
// what a reverse proxy makes of it. So scripts see a GET.
func IsExtendedConnect(r *http.Request) bool {
	if r.Method != http.MethodConnect {
		return false
	}
	if r.ProtoMajor == 3 {
		return r.Proto == "websocket"
	}
	protocol := r.Header[":protocol"]
	return len(protocol) > 0 && protocol[0] == "websocket"
}

// The methods that a route can have.
const (
	Get = iota
	Post
	Put
	Patch
	Delete
	Head
	Options
	Any
	MethodCount
)

// MethodNames are what scripts call the methods.
var MethodNames = [MethodCount]string{"get", "post", "put", "patch", "delete", "head", "options", "any"}

// MethodIndex returns the index of a Lua method name, -1 if it is none.
func MethodIndex(name string) int {
	for i, n := range MethodNames {
		if n == name {
			return i
		}
	}
	return -1
}

// methodOf returns the index for a request's method: that of GET for an extended CONNECT,
// Any for those that only an any handler can serve.
func methodOf(r *http.Request) int {
	if IsExtendedConnect(r) {
		return Get
	}
	switch r.Method {
	case http.MethodGet:
		return Get
	case http.MethodPost:
		return Post
	case http.MethodPut:
		return Put
	case http.MethodPatch:
		return Patch
	case http.MethodDelete:
		return Delete
	case http.MethodHead:
		return Head
	case http.MethodOptions:
		return Options
	}
	return Any
}

// Allow returns the value of an Allow header for the nodes that match a path.
func Allow[H comparable](nodes []*Node[H]) string {
	var has [MethodCount]bool
	var none H
	for _, n := range nodes {
		for i, h := range n.Handlers {
			if h != none {
				has[i] = true
			}
		}
	}
	if has[Get] {
		has[Head] = true
	}
	has[Options] = true
	var names []string
	for i, name := range MethodNames {
		if i == Any || !has[i] {
			continue
		}
		names = append(names, strings.ToUpper(name))
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}
