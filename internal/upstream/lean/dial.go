package lean

import "net"

// aside connects on another goroutine. Resolving and connecting takes some 5 KiB of stack, and who
// calls RoundTrip is deep in handlers already: its stack would double to 32 KiB, which it keeps for as
// long as the response takes.
func aside(dial func() (net.Conn, error)) (net.Conn, error) {
	type result struct {
		c   net.Conn
		err error
	}
	done := make(chan result, 1)
	go func() {
		c, err := dial()
		done <- result{c, err}
	}()
	r := <-done
	return r.c, r.err
}
