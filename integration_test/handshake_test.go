package integration_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdHandshake makes a TLS handshake with the server and prints the names of its certificate, or
// "refused":
//
//	handshake [-tcp] NAME|-            - is no name
//	handshake -leave NAME              begin one, and go in the middle
//	handshake -flood N SUFFIX          N names, 8 at a time; print how many were refused
//
// A name goes to the server as it is, with escapes as Go has them. Those of addresses Go does not send.
func cmdHandshake(ts *testscript.TestScript, neg bool, args []string) {
	c := clientOf(ts)
	network, address := "unix", filepath.Join(c.dir, "tls.sock")
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		switch args[0] {
		case "-tcp":
			network, address = "tcp", "127.0.0.1:"+c.port
		case "-leave":
			ts.Check(leaveHandshake(network, address, args[1]))
			return
		case "-flood":
			n, err := strconv.Atoi(args[1])
			ts.Check(err)
			refused, err := floodHandshakes(network, address, n, args[2])
			ts.Check(err)
			_, _ = fmt.Fprintf(ts.Stdout(), "%d of %d refused\n", refused, n)
			return
		}
		args = args[1:]
	}
	name, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	if name == "-" {
		name = ""
	}
	conn, err := net.Dial(network, address)
	ts.Check(err)
	defer conn.Close()
	names, err := shakeHands(conn, name)
	if err != nil {
		names = "refused"
	}
	_, _ = fmt.Fprintln(ts.Stdout(), names)
	if neg != (err != nil) {
		ts.Fatalf("handshake %s: %s, %v", args[0], names, err)
	}
}

// shakeHands returns the names of the certificate that is shown for a name.
func shakeHands(conn net.Conn, name string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tlsConn := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: name})
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		return "", err
	}
	leaf := tlsConn.ConnectionState().PeerCertificates[0]
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return strings.Join(names, " "), nil
}

// leaveHandshake begins a handshake, and goes when its first message is sent.
func leaveHandshake(network, address, name string) error {
	conn, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancel(context.Background())
	began := &writeSignal{Conn: conn, wrote: leave}
	if tls.Client(began, &tls.Config{InsecureSkipVerify: true, ServerName: name}).HandshakeContext(ctx) == nil {
		return errors.New("the handshake has come to its end")
	}
	_ = conn.Close() // HandshakeContext may have
	return nil
}

// writeSignal tells that something has been written.
type writeSignal struct {
	net.Conn
	wrote func()
}

func (w *writeSignal) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.wrote()
	return n, err
}

func floodHandshakes(network, address string, n int, suffix string) (int64, error) {
	var refused, next atomic.Int64
	var failed atomic.Value
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				conn, err := net.Dial(network, address)
				if err != nil {
					failed.Store(err)
					return
				}
				if _, err := shakeHands(conn, fmt.Sprintf("n%d.%s", i, suffix)); err != nil {
					refused.Add(1)
				}
				_ = conn.Close()
			}
		})
	}
	wg.Wait()
	err, _ := failed.Load().(error)
	return refused.Load(), err
}
