package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
)

func read(t testing.TB, name string) string {
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parse(t testing.TB, text string) *Key {
	k, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// made makes a private key of a kind.
func made(t testing.TB, kind string) crypto.Signer {
	var k crypto.Signer
	var err error
	switch kind {
	case "RSA":
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	case "P-256":
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "P-384":
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "P-521":
		k, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		_, k, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func block(t testing.TB, kind string, der []byte, err error) string {
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// What openssl has signed is good: with its algorithm, its key and its message, and no other.
func TestVerify(t *testing.T) {
	public := map[string]*Key{}
	for _, a := range Algorithms {
		if public[a.kind] == nil {
			public[a.kind] = parse(t, read(t, a.kind+".pem"))
		}
	}
	for _, a := range Algorithms {
		raw, err := base64.StdEncoding.DecodeString(read(t, a.Name+".sig"))
		if err != nil {
			t.Fatal(err)
		}
		sign, key := string(raw), public[a.kind]
		check := func(about string, a Algorithm, message, signature string, raw, want bool) {
			t.Helper()
			if got, err := a.Verify(key, message, signature, raw); got != want || err != nil {
				t.Errorf("%s, %s: %v, %v, want %v", a.Name, about, got, err, want)
			}
		}
		check("genuine", a, "message", sign, false, true)
		check("another message", a, "messagE", sign, false, false)
		check("no message", a, "", sign, false, false)
		check("no signature", a, "message", "", false, false)
		check("a byte less", a, "message", sign[:len(sign)-1], false, false)
		check("a byte more", a, "message", sign+"\x00", false, false)
		check("zeros", a, "message", strings.Repeat("\x00", len(sign)), false, false)
		for at := 0; at < len(sign); at += 7 {
			check("a bit changed", a, "message", sign[:at]+string(sign[at]^1)+sign[at+1:], false, false)
		}
		if a.IsECDSA() {
			check("in the other form", a, "message", sign, true, false)
			check("r and s of 0", a, "message", strings.Repeat("\x00", 2*a.size), true, false)
		}
		for _, b := range Algorithms {
			if b.kind == a.kind {
				check("made by "+a.Name, b, "message", sign, false, a.Name == b.Name)
				continue
			}
			if ok, err := b.Verify(key, "message", sign, false); ok || err == nil {
				t.Errorf("%s with a key of %s: %v, %v", b.Name, a.kind, ok, err)
			}
			if _, err := b.Sign(key, "message", false); err == nil {
				t.Errorf("%s signs with a key of %s", b.Name, a.kind)
			}
		}
		if _, err := a.Sign(key, "message", false); err == nil {
			t.Errorf("%s signs with a public key", a.Name)
		}
	}
}

// What a private key signs its public key knows, in each form.
func TestSign(t *testing.T) {
	for _, a := range Algorithms {
		signer := made(t, a.kind)
		der, err := x509.MarshalPKCS8PrivateKey(signer)
		private := parse(t, block(t, "PRIVATE KEY", der, err))
		der, err = x509.MarshalPKIXPublicKey(signer.Public())
		public := parse(t, block(t, "PUBLIC KEY", der, err))
		if !private.IsPrivate() || public.IsPrivate() || private.Kind() != a.kind {
			t.Errorf("%s: %v %v %s", a.Name, private.IsPrivate(), public.IsPrivate(), private.Kind())
		}
		for _, raw := range []bool{false, true} {
			sign, err := a.Sign(private, "message", raw)
			if err != nil {
				t.Fatal(err)
			}
			if raw && a.IsECDSA() && len(sign) != 2*a.size {
				t.Errorf("%s: %d bytes", a.Name, len(sign))
			}
			for _, k := range []*Key{private, public} {
				if ok, err := a.Verify(k, "message", string(sign), raw); !ok || err != nil {
					t.Errorf("%s, raw %v: %v, %v", a.Name, raw, ok, err)
				}
			}
		}
	}
}

func TestParse(t *testing.T) {
	rsaKey, ecKey := made(t, "RSA").(*rsa.PrivateKey), made(t, "P-256").(*ecdsa.PrivateKey)
	ec, err := x509.MarshalECPrivateKey(ecKey)
	for name, text := range map[string]string{
		"PKCS #1":              block(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil),
		"public key, PKCS #1":  block(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), nil),
		"SEC 1":                block(t, "EC PRIVATE KEY", ec, err),
		"white space about it": "\r\n " + read(t, "RSA.pem") + "\r\n\t",
	} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2046, 1), E: 65537}
	long := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8192, 1), E: 65537}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := x509.MarshalPKIXPublicKey(&p224.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	good, second := read(t, "P-256.pem"), read(t, "P-384.pem")
	for name, text := range map[string]string{
		"nothing":              "",
		"no PEM":               "secret",
		"cut":                  good[:len(good)/2],
		"two keys":             good + second,
		"text behind":          good + "x",
		"text before":          "x\n" + good,
		"a broken block first": second[:60] + "\n" + good,
		"another type":         strings.ReplaceAll(good, "PUBLIC KEY", "EC PARAMETERS"),
		"the wrong type":       strings.ReplaceAll(good, "PUBLIC KEY", "PRIVATE KEY"),
		"an encrypted key":     string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("x")})),
		"RSA of 2047 bits":     block(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(short), nil),
		"RSA of 8193 bits":     block(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(long), nil),
		"P-224":                block(t, "PUBLIC KEY", small, nil),
		"bytes behind the key": block(t, "RSA PUBLIC KEY", append(x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), 0), nil),
		"long":                 good + strings.Repeat("\n", MaxPEM),
	} {
		if k, err := Parse(text); err == nil {
			t.Errorf("%s: read as a key of %s", name, k.Kind())
		}
	}
}

// Whatever is read as a key is of a kind that is known, and does not panic.
func FuzzParse(f *testing.F) {
	for _, a := range Algorithms {
		f.Add(read(f, a.kind+".pem"))
	}
	f.Add("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := Parse(text)
		if err != nil {
			return
		}
		fits := 0
		for _, a := range Algorithms {
			if ok, err := a.Verify(k, "message", "signature", true); ok {
				t.Errorf("%q has signed nothing", text)
			} else if err == nil {
				fits++
			}
		}
		if fits == 0 {
			t.Errorf("%q is a key of no algorithm", text)
		}
	})
}
