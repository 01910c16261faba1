package storetest

import (
	"net"
	"strings"
	"sync"
)

// Network is a way to the server, by TCP, that a test can break and mend.
type Network struct {
	Addr string // 127.0.0.1:port

	sock string

	mu    sync.Mutex
	open  chan struct{}         // closed: what is sent arrives
	drops bool                  // who connects is refused
	conns map[net.Conn]struct{} // both ends of each
}

// TCP gives the server an address, 127.0.0.1:port, for as long as the test goes on.
func (s *Server) TCP() (addr string) { return s.Network().Addr }

// Network makes a way to the server that lasts as long as the test.
func (s *Server) Network() *Network {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	n := &Network{
		Addr: l.Addr().String(), sock: strings.TrimPrefix(s.URL, "unix://"),
		open: make(chan struct{}), conns: map[net.Conn]struct{}{},
	}
	close(n.open)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { n.join(client) })
		}
	})
	s.t.Cleanup(func() {
		_ = l.Close()
		s.Kill()
		n.Drop()
		conns.Wait()
	})
	return n
}

// Hold has nothing arrive any more, in both directions, until Mend: what was sent meanwhile does then.
func (n *Network) Hold() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drops = false
	select {
	case <-n.open:
		n.open = make(chan struct{})
	default:
	}
}

// Drop ends all connections, with what is on its way, and refuses others until Mend.
func (n *Network) Drop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drops = true
	for c := range n.conns {
		_ = c.Close()
	}
	n.release()
}

// Mend has the network be as it was at first.
func (n *Network) Mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drops = false
	n.release()
}

// release lets go what is held. The caller holds mu.
func (n *Network) release() {
	select {
	case <-n.open:
	default:
		close(n.open)
	}
}

// add takes note of an end of a connection, and reports whether there may be one.
func (n *Network) add(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[c] = struct{}{}
	return !n.drops
}

func (n *Network) remove(c net.Conn) {
	_ = c.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}

// join carries bytes between a connection and the server until one side closes.
func (n *Network) join(client net.Conn) {
	defer n.remove(client)
	server, err := net.Dial("unix", n.sock)
	if err != nil {
		return
	}
	defer n.remove(server)
	if !n.add(client) || !n.add(server) {
		return
	}
	var there sync.WaitGroup
	there.Go(func() {
		n.carry(server, client)
		_ = server.Close()
	})
	n.carry(client, server)
	_ = client.Close()
	there.Wait()
}

// carry copies what comes from one end to the other, while the network is open.
func (n *Network) carry(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		size, err := from.Read(buf)
		if err != nil {
			return
		}
		n.mu.Lock()
		open := n.open
		n.mu.Unlock()
		<-open
		if _, err := to.Write(buf[:size]); err != nil {
			return
		}
	}
}
