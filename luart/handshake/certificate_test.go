package handshake

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

func makePair(t *testing.T, from, to time.Time, names ...string) Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Pair{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
	}
}

func TestCheck(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	cert, err := makePair(t, now.Add(-day), now.Add(day), "a.example", "*.b.example", "10.0.0.1").Parse()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		sni  bool
		at   time.Time
		want string
	}{
		{"a.example", true, now, ""},
		{"x.b.example", true, now, ""},
		{"10.0.0.1", true, now, ""},
		{"10.0.0.2", false, now, ""},
		{"10.0.0.2", true, now, "for other names"},
		{"b.example", true, now, "for other names"},
		{"x.y.b.example", true, now, "for other names"},
		{"a.example", true, now.Add(-2 * day), "not valid before"},
		{"a.example", true, now.Add(day), "has expired"},
		{"10.0.0.2", false, now.Add(2 * day), "has expired"},
	} {
		err := Check(cert, tt.name, tt.sni, tt.at)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

func TestParse(t *testing.T) {
	now := time.Now()
	a, b := makePair(t, now, now.Add(time.Hour), "a.example"), makePair(t, now, now.Add(time.Hour), "b.example")
	for what, p := range map[string]Pair{
		"another key":      {a.Certificate, b.Key},
		"no key":           {a.Certificate, ""},
		"no certificate":   {"", a.Key},
		"changed places":   {a.Key, a.Certificate},
		"no PEM":           {"x", "y"},
		"too long":         {a.Certificate + strings.Repeat("\n", MaxPEM), a.Key},
		"a wrong block":    {strings.ReplaceAll(a.Certificate, "CERTIFICATE", "X"), a.Key},
		"broken DER":       {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), a.Key},
		"an encrypted key": {a.Certificate, string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))},
	} {
		_, err := p.Parse()
		if err == nil {
			t.Errorf("%s is taken", what)
		} else if key := strings.Split(a.Key, "\n")[1]; strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error shows the key", what)
		}
	}
	if c, err := (Pair{a.Certificate + b.Certificate, a.Key}).Parse(); err != nil || len(c.Certificate) != 2 {
		t.Error("a chain:", err)
	}
}
