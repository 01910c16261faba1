package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tableUpstreams are the services behind the proxies. plain answers every request with upstreamBody,
// and takes as little as it can of the core that it shares with the load. The others are servers of
// net/http: without TLS, with it, and with HTTP/2.
type tableUpstreams struct {
	plain, other, tls, h2 string // host:port
	certificate           string // the file of who has signed theirs
	closers               []io.Closer
}

func (u *tableUpstreams) stop() {
	for _, c := range u.closers {
		_ = c.Close()
	}
}

// mebibyte is a large body.
var (
	mebibyte      = strings.Repeat("0123456789abcdef", 1<<16)
	mebibyteBytes = []byte(mebibyte)
)

// piece is how much of it an upstream writes at once that does not have it whole.
const piece = 4 << 10

const (
	events = 16 // of a stream
	event  = "data: " + hello + "\n\n"
	echoes = 10 // of an upgraded connection
)

func startTableUpstreams(dir string) (_ *tableUpstreams, err error) {
	u := &tableUpstreams{certificate: filepath.Join(dir, "upstream.pem")}
	defer func() {
		if err != nil {
			u.stop()
		}
	}()
	certificate, err := writeCertificate(u.certificate)
	if err != nil {
		return nil, err
	}
	if u.plain, err = u.listen(func(l net.Listener) { servePlain(l) }); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		address *string
		tls     bool
		h2      bool
	}{{&u.other, false, false}, {&u.tls, true, false}, {&u.h2, true, true}} {
		server := &http.Server{Handler: http.HandlerFunc(serveOther), Protocols: new(http.Protocols), ErrorLog: log.New(io.Discard, "", 0)}
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetHTTP2(s.h2)
		u.closers = append(u.closers, server)
		*s.address, err = u.listen(func(l net.Listener) {
			if s.tls {
				server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
				_ = server.ServeTLS(l, "", "")
				return
			}
			_ = server.Serve(l)
		})
		if err != nil {
			return nil, err
		}
	}
	return u, nil
}

func (u *tableUpstreams) listen(serve func(net.Listener)) (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	u.closers = append(u.closers, l)
	go serve(l)
	return l.Addr().String(), nil
}

// servePlain answers requests without bodies.
func servePlain(l net.Listener) {
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(upstreamBody), upstreamBody))
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for in := bufio.NewReader(c); ; {
				line, err := in.ReadSlice('\n')
				if err != nil {
					return
				}
				if len(line) > len("\r\n") {
					continue
				}
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}()
	}
}

func serveOther(w http.ResponseWriter, r *http.Request) {
	switch _, kind, _ := strings.Cut(r.URL.Path[1:], "/"); kind {
	case "down", "pieces":
		w.Header().Set("Content-Length", fmt.Sprint(len(mebibyte)))
		size := len(mebibyte)
		if kind == "pieces" {
			size = piece
		}
		for part := range slices.Chunk(mebibyteBytes, size) {
			_, _ = w.Write(part)
		}
	case "up":
		if n, err := io.Copy(io.Discard, r.Body); err != nil || n != int64(len(mebibyte)) {
			http.Error(w, fmt.Sprintf("%d bytes: %v", n, err), http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, upstreamBody)
	case "events":
		w.Header().Set("Content-Type", "text/event-stream")
		for range events {
			_, _ = io.WriteString(w, event)
			_ = http.NewResponseController(w).Flush()
		}
	case "upgrade":
		c, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, in)
	default:
		_, _ = io.WriteString(w, upstreamBody)
	}
}

// upload sends a large body, without waiting in its middle.
func (c *conn) upload(path string) error {
	if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n", path, len(mebibyte)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, mebibyte); err != nil {
		return err
	}
	return c.answer("POST "+path, upstreamBody)
}

// upgrade asks for another protocol, and has a few messages sent back.
func (c *conn) upgrade(path string) error {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the upgrade was answered %s", resp.Status)
	}
	back := make([]byte, len(hello))
	for range echoes {
		if _, err := io.WriteString(c, hello); err != nil {
			return err
		}
		if _, err := io.ReadFull(c.r, back); err != nil {
			return err
		}
		if string(back) != hello {
			return fmt.Errorf("the upgraded connection answered %q, %q expected", back, hello)
		}
	}
	return nil
}

// writeCertificate makes a certificate for 127.0.0.1 that has signed itself, and writes it to file.
func writeCertificate(file string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, os.WriteFile(file, text, 0o600)
}
