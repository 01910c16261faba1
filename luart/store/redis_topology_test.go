package store_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// A cluster behaves as one server does.
func TestRedisCluster(t *testing.T) {
	masters, replica := storetest.StartCluster(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		return newRedis(t, store.RedisOptions{URL: masters[1].URL, Prefix: t.Name() + ":", Timeout: 20e9})
	})

	// A server of the cluster is killed, and its copy takes over: what it had is there.
	s := newRedis(t, store.RedisOptions{URL: masters[1].URL + "?addr=127.0.0.1:" + masters[2].Port(), Timeout: 2 * time.Second})
	for i := range 100 {
		if _, _, err := s.Set(t.Context(), nth(i), []byte("v"), store.Forever, store.Always); err != nil {
			t.Fatal(err)
		}
	}
	masters[0].Ask("WAIT", "1", "5000")
	masters[0].Kill()
	for i := range 100 {
		eventually(t, "get "+nth(i), func(ctx context.Context) error {
			_, ok, err := s.Get(ctx, nth(i))
			if err == nil && !ok {
				t.Fatalf("%s is lost", nth(i))
			}
			return err
		})
	}
	eventually(t, "list", func(ctx context.Context) error {
		keys, err := s.List(ctx, "key", "", 1000)
		if err == nil && len(keys) != 100 {
			t.Fatalf("%d keys", len(keys))
		}
		return err
	})
	if role := replica.Ask("ROLE"); !strings.Contains(role, "master") {
		t.Errorf("the copy is %s", role)
	}
}

// Sentinels say which server it is: also another one, when that was killed.
func TestRedisSentinel(t *testing.T) {
	sentinel, master, _ := storetest.StartSentinel(t, "rover", "s3cret", "--user", "rover", "on", ">s3cret", "~*", "&*", "+@all")
	o := store.RedisOptions{URL: sentinel.URL + "?master_set=main", User: "rover", Password: "s3cret", Timeout: 20e9}
	storetest.Run(t, func(t *testing.T) store.Store {
		o.Prefix = t.Name() + ":"
		return newRedis(t, o)
	})
	o.Prefix, o.Timeout = "failover:", 2*time.Second
	s := newRedis(t, o)
	fence, ok, err := s.Lock(t.Context(), "l", 1, time.Millisecond)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	master.Kill()
	eventually(t, "lock", func(ctx context.Context) error {
		next, ok, err := s.Lock(ctx, "l", 1, time.Millisecond)
		if ok && next <= fence {
			t.Fatalf("fence %d after %d", next, fence)
		}
		return err
	})
}

// The server and the client show certificates, and each Sentinel and server has a name of its own.
func TestRedisTLS(t *testing.T) {
	dir := t.TempDir()
	roots, cert := writeCertificates(t, dir)
	sentinel, master := storetest.StartSentinelTLS(t, dir)
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{cert}}
	for name, url := range map[string]string{"alone": master.URL, "sentinel": sentinel.URL + "?master_set=main"} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store {
				return newRedis(t, store.RedisOptions{URL: url, TLS: config, Prefix: t.Name() + ":", Timeout: 20e9})
			})
		})
	}
	refused := func(what string, change func(*tls.Config), want string) {
		t.Helper()
		c := config.Clone()
		change(c)
		s := newRedis(t, store.RedisOptions{URL: master.URL, TLS: c})
		_, _, err := s.Get(t.Context(), "k")
		if !errors.Is(err, store.ErrDown) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("another authority", func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }, "unknown authority")
	refused("another name", func(c *tls.Config) { c.ServerName = "localhost" }, "match localhost")
	refused("no certificate", func(c *tls.Config) { c.Certificates = nil }, "") // by TLS 1.3 the client may learn of it only as a reset
}

// writeCertificates makes an authority, and certificates of it for 127.0.0.1 (server.pem), localhost
// (sentinel.pem) and a client.
func writeCertificates(t *testing.T, dir string) (roots *x509.CertPool, client tls.Certificate) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	sign := func(serial int64, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c.SerialNumber, c.Subject = big.NewInt(serial), pkix.Name{CommonName: fmt.Sprint("store ", serial)}
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		parent, by := ca, caKey
		if ca == nil {
			parent, by = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return signed, key
	}
	ca, caKey = sign(1, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	write("ca.pem", "CERTIFICATE", ca.Raw)
	for i, c := range []*x509.Certificate{
		{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, {DNSNames: []string{"localhost"}}, {},
	} {
		name := []string{"server", "sentinel", "client"}[i]
		c, key := sign(int64(i)+2, c)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".pem", "CERTIFICATE", c.Raw)
		write(name+".key", "PRIVATE KEY", der)
		client = tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
	}
	roots = x509.NewCertPool()
	roots.AddCert(ca)
	return roots, client
}

func nth(i int) string { return "key" + string(rune('a'+i/26)) + string(rune('a'+i%26)) }

// eventually calls f until it is done. Calls fail while another server takes over.
func eventually(t *testing.T, what string, f func(ctx context.Context) error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := f(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}
