// Package lean sends requests to HTTP/1.1 servers without TLS, at a third of what http.Transport
// takes: the goroutine of a request writes it and reads the response, and a connection has no
// goroutines of its own. What it sends, accepts and refuses is what http.Transport does.
//
// What it does not know (see Transport.Can) is for http.Transport.
package lean
