package secrets

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// lines is base64 as it stands in PEM.
func lines(b []byte) string {
	text := string(pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: b}))
	return strings.Join(strings.Split(strings.TrimSpace(text), "\n")[1:strings.Count(text, "\n")-1], "\n")
}

// Each kind of key, in each form in which it is handed around, is no secret.
func TestKeysAreNone(t *testing.T) {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	ders := map[string][]byte{
		"SPKI of RSA":     must(x509.MarshalPKIXPublicKey(rsaKey.Public())),
		"SPKI of Ed25519": must(x509.MarshalPKIXPublicKey(edPublic)),
		"SPKI of P-256":   must(x509.MarshalPKIXPublicKey(ec.Public())),
		"PKCS#1":          x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey),
		"certificate":     must(x509.CreateCertificate(rand.Reader, template, template, ec.Public(), ec)),
		"request":         must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, ec)),
		"PKCS#8":          must(x509.MarshalPKCS8PrivateKey(edKey)),
		"SEC 1":           must(x509.MarshalECPrivateKey(ec)),
		"private PKCS#1":  x509.MarshalPKCS1PrivateKey(rsaKey),
		"SPKI of Ed448": append(must(hex.DecodeString("3043300506032b6571033a00")),
			must(randomBytes(57))...), // Go does not know it
		"point":            must(ec.PublicKey.ECDH()).Bytes(),
		"compressed point": elliptic.MarshalCompressed(elliptic.P256(), ec.X, ec.Y),
	}
	std, url := base64.StdEncoding, base64.RawURLEncoding
	for kind, der := range ders {
		block := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		for form, text := range map[string]string{
			"DER":                      string(der),
			"base64":                   std.EncodeToString(der),
			"base64 without padding":   base64.RawStdEncoding.EncodeToString(der),
			"base64url":                url.EncodeToString(der),
			"base64url with padding":   base64.URLEncoding.EncodeToString(der),
			"base64 in lines":          lines(der),
			"base64 in lines of CRLF":  strings.ReplaceAll(lines(der), "\n", "\r\n") + "\r\n",
			"base64 in escaped lines":  strings.ReplaceAll(lines(der), "\n", `\n`),
			"base64 in quotes":         ` "` + std.EncodeToString(der) + `",`,
			"base64 behind its name":   "public_key: " + std.EncodeToString(der),
			"base64 behind a sign":     "key=" + std.EncodeToString(der),
			"hex":                      hex.EncodeToString(der),
			"HEX":                      strings.ToUpper(hex.EncodeToString(der)),
			"hex of C":                 "0x" + hex.EncodeToString(der),
			"base64 of base64":         std.EncodeToString([]byte(std.EncodeToString(der))),
			"base64 of PEM":            std.EncodeToString([]byte(block)),
			"base64 of base64 of PEM":  std.EncodeToString([]byte(std.EncodeToString([]byte(block)))),
			"base64 of PEM in lines":   lines([]byte(block)),
			"base64 of escaped PEM":    std.EncodeToString([]byte(strings.ReplaceAll(block, "\n", `\n`))),
			"PEM in small letters":     strings.ToLower(block),
			"PEM of SSH2":              strings.ReplaceAll(block, "-----", "---- "),
			"JSON around base64":       `{"public_key":"` + std.EncodeToString(der) + `"}`,
			"base64 of JSON around it": url.EncodeToString([]byte(`{"keys":[{"kty":"RSA","x5c":["` + std.EncodeToString(der) + `"]}]}`)),
		} {
			if err := Check(text); err == nil {
				t.Errorf("%s as %s is a secret", kind, form)
			} else if strings.Contains(err.Error(), std.EncodeToString(der)[20:30]) {
				t.Errorf("%s as %s: the error shows it: %v", kind, form, err)
			}
		}
	}
	jwk := must(json.Marshal(map[string]string{"kty": "OKP", "crv": "Ed25519", "x": url.EncodeToString(edPublic)}))
	wire := append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), edPublic...)
	for form, text := range map[string]string{
		"JWK": string(jwk), "base64 of JWK": std.EncodeToString(jwk), "base64url of JWK": url.EncodeToString(jwk),
		"a list of JWK": "[" + string(jwk) + "]", "JWK that is cut": ` {"kty":"RSA","n":"AQAB`,
		"SSH":           "ssh-ed25519 " + std.EncodeToString(wire) + " you@host",
		"SSH, hex":      hex.EncodeToString(wire),
		"SSH, the body": std.EncodeToString(wire), "SSH, with options": "no-pty ssh-ed25519 " + std.EncodeToString(wire),
		"PuTTY": "PuTTY-User-Key-File-3: ssh-ed25519\n", "openssl": "Modulus=" + strings.Repeat("AB", 256),
		"openssl -text": "RSA Public-Key: (2048 bit)\nModulus:\n", "XML": "<RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue>",
	} {
		if Check(text) == nil {
			t.Errorf("%s is a secret", form)
		}
	}
}

func randomBytes(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := rand.Read(b)
	return b, err
}

// What says only where a key is is no secret, and the error says what to write.
func TestPlacesAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"https://login.example.org/jwks.json":   "rover.auth.jwks(url)",
		" HTTPS://login.example.org/jwks.json ": "rover.auth.jwks(url)",
		"vault://secret/data/key":               "URL",
		"file:/etc/keys/x.pem":                  "URL",
		"data:application/x-pem-file;base64,TU": "URL",
		"/etc/keys/x.pem":                       "file",
		"/etc/keys/signing":                     "file",
		"/run/secrets/jwt_signing_key":          "file",
		"./keys/x.pem":                          "file",
		"../keys/public.key":                    "file",
		"~/.ssh/id_rsa.pub":                     "file",
		"keys/public.pem":                       "file",
		"public.pem":                            "file",
		`C:\keys\public.pem`:                    "file",
		"{env.JWT_SECRET}":                      "rover.config",
		"{file./run/secrets/key}":               "rover.config",
		"{$JWT_SECRET}":                         "rover.config",
		"${JWT_SECRET}":                         "rover.config",
		"$JWT_SECRET":                           "rover.config",
		"<your secret>":                         "rover.config",
		"{{ .Values.jwt.secret | quote }}":      "rover.config",

		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:jwt-AbCdEf": "fetch it",
		"vault:secret/data/jwt#key":                                       "fetch it",
		"ref+awsssm://jwt/key":                                            "URL",
		"a-string-secret-at-least-256-bits-long":                          "example",
		strings.Repeat("\x00", 32):                                        "blanks",
		strings.Repeat(" ", 32):                                           "blanks",
	} {
		if err := Check(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// What is random is a secret, in each form: also where it begins as a path or a key does.
func TestSecrets(t *testing.T) {
	for range 300 {
		for _, n := range []int{24, 32, 48, 64, 128} {
			b := must(randomBytes(n))
			for _, text := range []string{
				string(b), hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
				"/" + base64.RawStdEncoding.EncodeToString(b), "0" + string(b),
			} {
				if err := Check(text); err != nil {
					t.Fatalf("%q: %v", text, err)
				}
			}
		}
	}
	for _, text := range []string{
		"", "short", strings.Repeat("k", 32), "correct horse battery staple, and more of it", "{not json} but 32 bytes of a secret",
		"MIIB" + strings.Repeat("x", 60), "a-secret-of-two-words.and-a-dot-in-it!", "whsec_" + strings.Repeat("A", 60),
		"the modulus alone " + strings.Repeat("Q", 342),
	} {
		if err := Check(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("MCowBQYDK2VwAyEAqoLRR+Q/u32PJDguJkz70QMGVFlRo7I6MJMyjPx809I=")
	f.Add("\x30\x82\x01\x22\x30\x0d")
	f.Add("{\"kty\":")
	f.Fuzz(func(t *testing.T, text string) {
		if err := Check(text); err != nil && len(text) >= 24 && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows %q", text)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	text := base64.StdEncoding.EncodeToString(must(randomBytes(32)))
	for b.Loop() {
		if err := Check(text); err != nil {
			b.Fatal(err)
		}
	}
}
