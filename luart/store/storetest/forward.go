package storetest

import (
	"io"
	"net"
	"strings"
	"sync"
)

// TCP gives the server an address, 127.0.0.1:port, for as long as the test goes on.
func (s *Server) TCP() (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { join(client, strings.TrimPrefix(s.URL, "unix://")) })
		}
	})
	s.t.Cleanup(func() {
		_ = l.Close()
		s.Kill() // connections end with it
		conns.Wait()
	})
	return l.Addr().String()
}

// join carries bytes between a connection and a socket until one side closes.
func join(client net.Conn, sock string) {
	defer client.Close()
	server, err := net.Dial("unix", sock)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}
