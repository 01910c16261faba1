package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"hash"
	"strings"
	"sync"
	"testing"
	"time"
)

const secret = "0123456789abcdef0123456789abcdef"

var now = time.Unix(1_000_000, 0)

// pair is a key as PEM, both halves.
type pair struct{ private, public string }

var (
	rsaPair   = sync.OnceValue(func() pair { return makePair(must(rsa.GenerateKey(rand.Reader, 2048))) })
	p256Pair  = sync.OnceValue(func() pair { return makePair(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))) })
	p384Pair  = sync.OnceValue(func() pair { return makePair(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))) })
	p521Pair  = sync.OnceValue(func() pair { return makePair(must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))) })
	edPair    = sync.OnceValue(func() pair { _, k, err := ed25519.GenerateKey(rand.Reader); return makePair(must(k, err)) })
	otherPair = sync.OnceValue(func() pair { return makePair(must(rsa.GenerateKey(rand.Reader, 2048))) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func makePair(k crypto.Signer) pair {
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return pair{
		block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(k))),
		block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(k.Public()))),
	}
}

func key(t testing.TB, text string) *Key {
	t.Helper()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// b64 writes a part of a token.
func b64(text string) string { return encoding.EncodeToString([]byte(text)) }

// forge makes a token as an attacker would: any header, any claims, signed by HMAC with any bytes.
func forge(header, claims, with string) string {
	h := func() hash.Hash { return sha256.New() }
	if strings.Contains(header, "HS512") {
		h = func() hash.Hash { return sha512.New() }
	} else if strings.Contains(header, "HS384") {
		h = func() hash.Hash { return sha512.New384() }
	}
	text := b64(header) + "." + b64(claims)
	mac := hmac.New(h, []byte(with))
	mac.Write([]byte(text))
	return text + "." + encoding.EncodeToString(mac.Sum(nil))
}

// check reads and checks a token.
func check(token string, keys Keys, rules Rules) error {
	t, err := Read(token)
	if err != nil {
		return err
	}
	return t.Check(keys, &rules, now)
}

const (
	head = `{"alg":"HS256","typ":"JWT"}`
	good = `{"sub":"ann","exp":1000600}`
)

// What an attacker sends, and why it does not get through. Everything is signed with the right
// secret but where the row is about that.
func TestAttacks(t *testing.T) {
	shop := DefaultRules()
	shop.Audiences = []string{"shop"}
	issued := DefaultRules()
	issued.Issuers = []string{"https://login"}
	many := DefaultRules()
	many.Algs = []string{"HS384", "HS512"}
	sub := DefaultRules()
	sub.Require = []string{"exp", "sub"}
	hs := func(claims string) string { return forge(head, claims, secret) }
	parts := strings.Split(hs(good), ".")
	set, err := NewSet("a", map[string]string{"a": secret, "b": strings.Repeat("b", 32)}, true)
	if err != nil {
		t.Fatal(err)
	}
	public := key(t, rsaPair().public)
	rs, err := Sign([]byte(good), key(t, rsaPair().private), "", "")
	if err != nil {
		t.Fatal(err)
	}
	ps, err := Sign([]byte(good), key(t, rsaPair().private), "", "PS256")
	if err != nil {
		t.Fatal(err)
	}
	hmacOf := key(t, secret)
	std := DefaultRules()
	for _, row := range []struct {
		about, token string
		keys         Keys
		rules        Rules
		want         string
	}{
		{"a good token", hs(good), hmacOf, std, ""},
		{"a good token of RSA", rs, public, std, ""},
		{"alg none", b64(`{"alg":"none"}`) + "." + b64(good) + ".", hmacOf, std, "algorithm"},
		{"alg none, signed", forge(`{"alg":"none"}`, good, secret), hmacOf, std, "algorithm"},
		{"alg NONE for a public key", b64(`{"alg":"nOnE"}`) + "." + b64(good) + ".", public, std, "algorithm"},
		{"no alg", forge(`{"typ":"JWT"}`, good, secret), hmacOf, std, "alg is missing"},
		{"alg is no text", forge(`{"alg":["HS256"]}`, good, secret), hmacOf, std, "alg is no text"},
		{"alg in other letters", forge(`{"alg":"hs256"}`, good, secret), hmacOf, std, "algorithm"},
		{"HMAC with the public key", forge(head, good, rsaPair().public), public, std, "algorithm"},
		{"the same without the line end", forge(head, good, strings.TrimSpace(rsaPair().public)), public, std, "algorithm"},
		{"RS256 for a secret", rs, hmacOf, std, "algorithm"},
		{"RSA of somebody else", rs, key(t, otherPair().public), std, "signature"},
		{"another algorithm of the key", ps, public, std, "algorithm"},
		{"downgrade", hs(good), hmacOf, many, "algorithm"},
		{"upgrade that was not asked for", forge(`{"alg":"HS512"}`, good, secret), hmacOf, std, "algorithm"},
		{"one of the algorithms", forge(`{"alg":"HS512"}`, good, secret), hmacOf, many, ""},
		{"another secret", forge(head, good, "x"+secret[1:]), hmacOf, std, "signature"},
		{"no signature", parts[0] + "." + parts[1] + ".", hmacOf, std, "signature"},
		{"half a signature", hs(good)[:len(hs(good))-20], hmacOf, std, "signature"},
		{"other claims", parts[0] + "." + b64(`{"sub":"root","exp":1000600}`) + "." + parts[2], hmacOf, std, "signature"},
		{"kid of no key", forge(`{"alg":"HS256","kid":"z"}`, good, secret), set, std, "kid names no key"},
		{"kid of the wrong key", forge(`{"alg":"HS256","kid":"b"}`, good, secret), set, std, "signature"},
		{"kid of the key", forge(`{"alg":"HS256","kid":"a"}`, good, secret), set, std, ""},
		{"no kid: each key", forge(head, good, strings.Repeat("b", 32)), set, std, ""},
		{"kid that is empty", forge(`{"alg":"HS256","kid":""}`, good, secret), set, std, "kid names no key"},
		{"kid as a path", forge(`{"alg":"HS256","kid":"../../dev/null"}`, good, ""), set, std, "kid names no key"},
		{"kid as SQL", forge(`{"alg":"HS256","kid":"a' UNION SELECT 'x"}`, good, "x"), set, std, "kid names no key"},
		{"kid is no text", forge(`{"alg":"HS256","kid":1}`, good, secret), set, std, "kid is no text"},
		{"a key in the token", forge(`{"alg":"HS256","jwk":{"kty":"oct","k":"eA"}}`, good, "x"), hmacOf, std, "signature"},
		{"crit", forge(`{"alg":"HS256","crit":["exp"],"exp":9}`, good, secret), hmacOf, std, "crit"},
		{"crit that is empty", forge(`{"alg":"HS256","crit":[]}`, good, secret), hmacOf, std, "crit"},
		{"alg twice", forge(`{"alg":"none","alg":"HS256"}`, good, secret), hmacOf, std, "twice"},
		{"expired", hs(`{"exp":999970}`), hmacOf, std, "expired"},
		{"just not expired", hs(`{"exp":999971}`), hmacOf, std, ""},
		{"no end", hs(`{"sub":"ann"}`), hmacOf, std, `no claim "exp"`},
		{"an end that is null", hs(`{"exp":null}`), hmacOf, std, "no time"},
		{"an end as text", hs(`{"exp":"1000600"}`), hmacOf, std, "no time"},
		{"an end that is endless", hs(`{"exp":1e999}`), hmacOf, std, "too large"},
		{"a number that no script can have", hs(`{"exp":1000600,"x":[-1e400]}`), hmacOf, std, "too large"},
		{"a number that scripts can have", hs(`{"exp":1000600,"x":[-1e300]}`), hmacOf, std, ""},
		{"not yet", hs(`{"exp":1000600,"nbf":1000031}`), hmacOf, std, "not valid yet"},
		{"just now", hs(`{"exp":1000600,"nbf":1000030}`), hmacOf, std, ""},
		{"nbf as text", hs(`{"exp":1000600,"nbf":"0"}`), hmacOf, std, "no time"},
		{"iat as text", hs(`{"exp":1000600,"iat":"0"}`), hmacOf, std, "no time"},
		{"for an audience, and nobody says which we are", hs(`{"exp":1000600,"aud":"pay"}`), hmacOf, std, "audience"},
		{"another audience", hs(`{"exp":1000600,"aud":["pay","shopper"]}`), hmacOf, shop, "another audience"},
		{"one of the audiences", hs(`{"exp":1000600,"aud":["pay","shop"]}`), hmacOf, shop, ""},
		{"no audience", hs(good), hmacOf, shop, "names no audience"},
		{"audiences of none", hs(`{"exp":1000600,"aud":[]}`), hmacOf, shop, "another audience"},
		{"an audience that is no text", hs(`{"exp":1000600,"aud":["shop",{"a":1}]}`), hmacOf, shop, "no text"},
		{"an audience that is a number", hs(`{"exp":1000600,"aud":7}`), hmacOf, shop, "aud"},
		{"another issuer", hs(`{"exp":1000600,"iss":"https://login.evil"}`), hmacOf, issued, "another issuer"},
		{"no issuer", hs(good), hmacOf, issued, "no issuer"},
		{"the issuer", hs(`{"exp":1000600,"iss":"https://login"}`), hmacOf, issued, ""},
		{"an issuer that is no text", hs(`{"exp":1000600,"iss":["https://login"]}`), hmacOf, issued, "iss is no text"},
		{"sub that is no text", hs(`{"exp":1000600,"sub":{"a":1}}`), hmacOf, std, "sub is no text"},
		{"no sub", hs(`{"exp":1000600}`), hmacOf, sub, `no claim "sub"`},
		{"an empty sub", hs(`{"exp":1000600,"sub":""}`), hmacOf, sub, `no claim "sub"`},
		{"a claim twice", hs(`{"sub":"root","sub":"ann","exp":1000600}`), hmacOf, std, "twice"},
		{"a claim twice, as an escape", hs(`{"sub":"root","s\u0075b":"ann","exp":1000600}`), hmacOf, std, "twice"},
		{"a claim twice, deeper", hs(`{"exp":1000600,"a":[{"role":"x","role":"admin"}]}`), hmacOf, std, "twice"},
		{"a claim in other letters is another", hs(`{"EXP":1,"Exp":1,"exp":1000600}`), hmacOf, std, ""},
		{"half a character", hs(`{"exp":1000600,"\ud800":1,"\udfff":2}`), hmacOf, std, "half a character"},
		{"a whole one, as an escape", hs(`{"exp":1000600,"\ud83d\ude00":1,"x\\u":2}`), hmacOf, std, ""},
		{"no UTF-8", hs("{\"exp\":1000600,\"a\xff\":1}"), hmacOf, std, "UTF-8"},
		{"behind the object", hs(good + `{"sub":"root"}`), hmacOf, std, "no JSON"},
		{"claims as a list", hs(`["exp"]`), hmacOf, std, "no JSON object"},
		{"claims that are null", hs(`null`), hmacOf, std, "no JSON object"},
		{"claims of nothing", hs(``), hmacOf, std, "no JSON"},
		{"claims that are deep", hs(`{"exp":1000600,"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`), hmacOf, std, "levels"},
		{"8 KiB and one", hs(`{"exp":1000600,"pad":"` + strings.Repeat("x", MaxToken) + `"}`), hmacOf, std, "8192 bytes"},
		{"padded", hs(good) + "=", hmacOf, std, "base64url"},
		{"a line end within", parts[0] + "." + parts[1] + "\n." + parts[2], hmacOf, std, "base64url"},
		{"another alphabet", parts[0] + "." + parts[1] + "." + strings.Repeat("+/", 21) + "A", hmacOf, std, "base64url"},
		{"four parts", hs(good) + ".x", hmacOf, std, "three parts"},
		{"two parts", parts[0] + "." + parts[1], hmacOf, std, "three parts"},
		{"empty parts", "..", hmacOf, std, "no JSON"},
		{"empty", "", hmacOf, std, "three parts"},
	} {
		err := check(row.token, row.keys, row.rules)
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: got %v, want %q", row.about, err, row.want)
		}
	}
}

// A signature can be written in several ways where base64 has spare bits: one of them counts.
func TestSpareBits(t *testing.T) {
	token := forge(head, good, secret)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	for other := range 64 {
		if other == last {
			continue
		}
		if check(token[:len(token)-1]+alphabet[other:other+1], key(t, secret), DefaultRules()) == nil {
			t.Errorf("the last letter %c is as good as %c", alphabet[other], alphabet[last])
		}
	}
}

// Each algorithm signs and checks with its own kind of key, and with no other.
func TestAlgorithms(t *testing.T) {
	pairs := map[string]pair{
		"HS": {secret, secret}, "RS": rsaPair(), "PS": rsaPair(),
		"ES256": p256Pair(), "ES384": p384Pair(), "ES512": p521Pair(), "EdDSA": edPair(),
	}
	of := func(alg string) pair {
		if p, ok := pairs[alg]; ok {
			return p
		}
		return pairs[alg[:2]]
	}
	for _, alg := range AlgNames {
		token, err := Sign([]byte(good), key(t, of(alg).private), "k", alg)
		if err != nil {
			t.Errorf("%s: %v", alg, err)
			continue
		}
		if parsed, err := Read(token); err != nil || parsed.kid != "k" || parsed.alg != alg {
			t.Errorf("%s: %v, %v", alg, parsed, err)
		}
		rules := DefaultRules()
		rules.Algs = []string{alg}
		for _, other := range AlgNames {
			err := check(token, key(t, of(other).public), rules)
			if same := of(alg) == of(other); same != (err == nil) {
				t.Errorf("%s with the key of %s: %v", alg, other, err)
			}
		}
		if _, err := Sign([]byte(good), key(t, of(alg).public), "", alg); (err == nil) != (alg[:2] == "HS") {
			t.Errorf("%s signs with a public key: %v", alg, err)
		}
	}
}

// A public key is no secret, however it is written; a key that is too weak is none.
func TestKeysThatAreNone(t *testing.T) {
	der, _ := pem.Decode([]byte(rsaPair().public))
	weak := makePair(must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)))
	for about, row := range map[string][2]string{
		"empty":            {"", "empty"},
		"DER":              {string(der.Bytes), "PEM lines is no secret"},
		"ssh":              {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI you@host", "SSH is no secret"},
		"JWK":              {` {"kty":"RSA","n":"AQAB","e":"AQAB"}`, "JSON is no secret"},
		"base64 of DER":    {base64.StdEncoding.EncodeToString(der.Bytes), "PEM lines is no secret"},
		"base64 of PEM":    {base64.StdEncoding.EncodeToString([]byte(rsaPair().public)), "PEM is no secret"},
		"a URL":            {"https://login.example.org/jwks.json", "rover.auth.jwks(url)"},
		"a file":           {"/etc/keys/x.pem", "name of a file"},
		"cut":              {rsaPair().public[:100], "one PEM block expected"},
		"two":              {rsaPair().public + p256Pair().public, "one PEM block expected"},
		"text before":      {"mine: " + rsaPair().public, "one PEM block expected"},
		"a skipped block":  {"-----BEGIN X-----\n!\n-----END X-----\n" + rsaPair().public, "one PEM block expected"},
		"text behind":      {rsaPair().public + "mine", "one PEM block expected"},
		"with headers":     {strings.Replace(rsaPair().public, "-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1), "without headers"},
		"request":          {strings.ReplaceAll(rsaPair().public, "PUBLIC KEY", "CERTIFICATE REQUEST"), "a PEM block PRIVATE KEY"},
		"not what it says": {strings.ReplaceAll(rsaPair().public, "PUBLIC KEY", "PRIVATE KEY"), "the PRIVATE KEY cannot be read"},
		"a weak curve":     {weak.public, "another curve"},
		"large":            {strings.Repeat("x", maxKeyText+1), "more than"},
	} {
		if _, err := ParseKey(row[0]); err == nil || !strings.Contains(err.Error(), row[1]) {
			t.Errorf("%s: got %v, want %q", about, err, row[1])
		}
	}
	if !key(t, "short").IsShort() || key(t, secret).IsShort() || key(t, rsaPair().public).IsShort() {
		t.Error("short is a secret of fewer than 32 bytes")
	}
	if err := key(t, secret).Check([]string{"RS256"}); err == nil {
		t.Error("RS256 with a secret")
	}
	if err := key(t, rsaPair().public).Check([]string{"HS256"}); err == nil {
		t.Error("HS256 with a public key")
	}
}

// What a token is made of is what somebody can read.
func TestSignRefuses(t *testing.T) {
	for claims, want := range map[string]string{
		`{"sub":1}`: "sub", `{"exp":"x"}`: "exp", `{"aud":1}`: "aud", `{"a":1,"a":2}`: "twice", `[]`: "object",
		fmt.Sprintf(`{"a":%q}`, strings.Repeat("x", MaxToken)): "too long",
	} {
		if _, err := Sign([]byte(claims), key(t, secret), "", ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v", claims, err)
		}
	}
}

// Without a kid only so many keys are tried.
func TestManyKeysWithoutKid(t *testing.T) {
	texts := map[string]string{}
	for i := range MaxKeys {
		texts[fmt.Sprint(i)] = fmt.Sprintf("%032d", i)
	}
	set, err := NewSet("7", texts, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(forge(head, good, texts["7"]), set, DefaultRules()); err != nil {
		t.Errorf("the active key: %v", err)
	}
	if err := check(forge(head, good, secret), set, DefaultRules()); err != errNeedsKid {
		t.Errorf("no key: %v", err)
	}
	if err := set.Add("more", secret, true); err == nil {
		t.Error("101 keys")
	}
}

func FuzzRead(f *testing.F) {
	for _, claims := range []string{good, `{"a":{"b":[1,{"c":"\u0041\ud83d\ude00"}]},"aud":["x"]}`, `{"a":1,"a":2}`, `[`, `{"x\"":"\\"}`} {
		f.Add(head, claims)
		f.Add(claims, head)
	}
	k := key(f, secret)
	f.Fuzz(func(t *testing.T, header, claims string) {
		token, err := Read(forge(header, claims, secret))
		if err != nil {
			return
		}
		rules := Rules{Algs: []string{"HS256", "HS384", "HS512"}}
		if token.Check(k, &rules, now) == nil && !strings.HasPrefix(token.alg, "HS") {
			t.Errorf("%q got through", header)
		}
		names := map[string]bool{}
		for _, m := range token.claims {
			if names[string(m.name)] {
				t.Errorf("%q is there twice in %q", m.name, claims)
			}
			names[string(m.name)] = true
			if len(m.value) == 0 || m.value[0] == ' ' || strings.ContainsAny(string(m.value[len(m.value)-1:]), " \t\r\n,:") {
				t.Errorf("the value %q of %q in %q", m.value, m.name, claims)
			}
		}
		var want map[string]any
		if err := unmarshal(claims, &want); err != nil || len(want) != len(names) {
			t.Errorf("%q: %d members, %v, got %d", claims, len(want), err, len(names))
		}
	})
}

// What a check costs beside the signature: subtract the second from the first.
func BenchmarkCheck(b *testing.B) {
	token := forge(`{"alg":"HS256","typ":"JWT","kid":"a"}`,
		`{"iss":"https://login.example.com","sub":"auth0|1234567890","aud":["shop","pay"],"iat":999000,"exp":1000600,"scope":"read write","roles":["admin","staff"]}`, secret)
	k := key(b, secret)
	rules := DefaultRules()
	rules.Audiences, rules.Issuers = []string{"shop"}, []string{"https://login.example.com"}
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := check(token, k, rules); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signature", func(b *testing.B) {
		parsed, err := Read(token)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if !k.verify("HS256", parsed.signed, parsed.signature) {
				b.Fatal("wrong")
			}
		}
	})
}
