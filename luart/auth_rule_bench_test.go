package luart

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// BenchmarkAuthRule is what a rule costs a request: "signature" is that of its token alone, "rule" with all
// that is checked beside it.
func BenchmarkAuthRule(b *testing.B) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	secret := strings.Repeat("k", 32)
	for _, alg := range []struct {
		name    string
		private any
	}{{"HS256", []byte(secret)}, {"RS256", big}, {"ES256", ec}, {"EdDSA", ed}} {
		var public any = []byte(secret)
		key := secret
		if signer, ok := alg.private.(crypto.Signer); ok {
			public = signer.Public()
			der, err := x509.MarshalPKIXPublicKey(public)
			if err != nil {
				b.Fatal(err)
			}
			key = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		}
		token, err := jwt.NewWithClaims(jwt.GetSigningMethod(alg.name), jwt.MapClaims{
			"sub": "248289761001", "iss": "https://login.example.org", "aud": "shop", "exp": int64(4102444800), "iat": 1700000000,
			"scope": "openid orders.read orders.write", "role": "admin", "name": "Ann Example", "email": "ann@example.org",
		}).SignedString(alg.private)
		if err != nil {
			b.Fatal(err)
		}
		end := strings.LastIndexByte(token, '.')
		signature, err := jwt.NewParser().DecodeSegment(token[end+1:])
		if err != nil {
			b.Fatal(err)
		}
		b.Run(alg.name+"/signature", func(b *testing.B) {
			b.ReportAllocs()
			method := jwt.GetSigningMethod(alg.name)
			for b.Loop() {
				if err := method.Verify(token[:end], signature, public); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(alg.name+"/rule", func(b *testing.B) {
			admitInLoop(b, fmt.Sprintf("api.auth { jwt = [[%s]], aud = 'shop', iss = 'https://login.example.org', scopes = 'orders.read' }", key), token)
		})
	}
}

// admitInLoop has a rule asked about one request over and over.
func admitInLoop(b *testing.B, rule, token string) {
	s := newServer(b, "local api = rover.server {}\n"+rule+"\nreturn api")
	r := requestTo("/orders/1")
	r.Header.Set("Authorization", "Bearer "+token)
	x := s.gen.Begin(nil, r, s, s.next)
	defer x.End()
	b.ReportAllocs()
	for b.Loop() {
		x.facts = x.facts[:0]
		if _, err := x.Admit(http.Header{}, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
