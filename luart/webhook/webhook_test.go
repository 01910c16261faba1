package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	body    = `{"test": 2432232314}`
	secret  = "0123456789abcdef"
	another = "fedcba9876543210"
	whsec   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

var now = time.Unix(1614265330, 0)

func sign(key, text string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func hexOf(key, text string) string { return hex.EncodeToString(sign(key, text)) }

// headers are of lines "Name: value".
func headers(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

func TestVerify(t *testing.T) {
	at := fmt.Sprint(now.Unix())
	github := func(value string) http.Header { return headers("X-Hub-Signature-256: " + value) }
	stripe := func(value string) http.Header { return headers("Stripe-Signature: " + value) }
	standard := func(id, at, signature string) http.Header {
		return headers("Webhook-Id: "+id, "Webhook-Timestamp: "+at, "Webhook-Signature: "+signature)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(whsec, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	v1 := func(id, at, body string) string {
		return "v1," + base64.StdEncoding.EncodeToString(sign(string(key), id+"."+at+"."+body))
	}
	timed := func(seconds int64) http.Header {
		at := fmt.Sprint(seconds)
		return stripe("t=" + at + ",v1=" + hexOf(secret, at+"."+body))
	}
	// What the documents of GitHub and Standard Webhooks give as examples.
	const (
		example    = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
		exampleKey = "It's a Secret to Everybody"
		exampleV1  = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	)
	sum := hexOf(secret, body)
	for name, c := range map[string]struct {
		kind   string
		header http.Header
		body   string
		secret string
		want   error
	}{
		"GitHub's example":                 {"github", github(example), "Hello, World!", exampleKey, nil},
		"github":                           {"github", github("sha256=" + sum), body, secret, nil},
		"github, nothing":                  {"github", headers(), body, secret, errUnsigned},
		"github, empty":                    {"github", github(""), body, secret, errUnsigned},
		"github, SHA-1 alone":              {"github", headers("X-Hub-Signature: sha1=" + sum[:40]), body, secret, errUnsigned},
		"github, SHA-1 in its place":       {"github", github("sha1=" + sum[:40]), body, secret, errHeader},
		"github, another body":             {"github", github("sha256=" + sum), body + " ", secret, errWrong},
		"github, another secret":           {"github", github("sha256=" + hexOf(another, body)), body, secret, errWrong},
		"github, half":                     {"github", github("sha256=" + sum[:32]), body, secret, errHeader},
		"github, no digest":                {"github", github("sha256="), body, secret, errHeader},
		"github, no prefix":                {"github", github(sum), body, secret, errHeader},
		"github, two headers":              {"github", headers("X-Hub-Signature-256: sha256="+sum, "X-Hub-Signature-256: sha256="+sum), body, secret, errHeader},
		"github, two in one":               {"github", github("sha256=" + sum + ",sha256=" + sum), body, secret, errHeader},
		"github, long":                     {"github", github("sha256=" + strings.Repeat("0", 1<<20)), body, secret, errHeader},
		"stripe":                           {"stripe", timed(now.Unix()), body, secret, nil},
		"stripe, 300 s ago":                {"stripe", timed(now.Unix() - 300), body, secret, nil},
		"stripe, in 300 s":                 {"stripe", timed(now.Unix() + 300), body, secret, nil},
		"stripe, old":                      {"stripe", timed(now.Unix() - 301), body, secret, errTime},
		"stripe, from the future":          {"stripe", timed(now.Unix() + 301), body, secret, errTime},
		"stripe, negative":                 {"stripe", timed(-now.Unix()), body, secret, errTime},
		"stripe, so far that it wraps":     {"stripe", timed(1 << 62), body, secret, errTime},
		"stripe, several":                  {"stripe", stripe("t=" + at + ",v1=" + sum + ",v1=" + hexOf(secret, at+"."+body) + ",v0=x"), body, secret, nil},
		"stripe, time behind":              {"stripe", stripe("v1=" + hexOf(secret, at+"."+body) + ",t=" + at), body, secret, nil},
		"stripe, time moved":               {"stripe", stripe("t=" + at + "0,v1=" + hexOf(secret, at+"."+body)), body, secret, errWrong},
		"stripe, two times":                {"stripe", stripe("t=1,t=" + at + ",v1=" + hexOf(secret, at+"."+body)), body, secret, errHeader},
		"stripe, two times, other order":   {"stripe", stripe("t=" + at + ",v1=" + hexOf(secret, at+"."+body) + ",t=1"), body, secret, errHeader},
		"stripe, time in another way":      {"stripe", stripe("t=+" + at + ",v1=" + hexOf(secret, "+"+at+"."+body)), body, secret, errTime},
		"stripe, no time":                  {"stripe", stripe("v1=" + hexOf(secret, "."+body)), body, secret, errHeader},
		"stripe, empty time":               {"stripe", stripe("t=,v1=" + hexOf(secret, "."+body)), body, secret, errHeader},
		"stripe, a downgrade":              {"stripe", stripe("t=" + at + ",v0=" + hexOf(secret, at+"."+body)), body, secret, errHeader},
		"stripe, no signature":             {"stripe", stripe("t=" + at), body, secret, errHeader},
		"stripe, empty signature":          {"stripe", stripe("t=" + at + ",v1="), body, secret, errHeader},
		"stripe, body moved into time":     {"stripe", stripe("t=" + at + ".{,v1=" + hexOf(secret, at+".{."+body)), body, secret, errTime},
		"stripe, signatures without end":   {"stripe", stripe("t=" + at + strings.Repeat(",v1="+sum, 21)), body, secret, errHeader},
		"stripe, its own secret":           {"stripe", stripe("t=" + at + ",v1=" + hexOf(whsec, at+"."+body)), body, whsec, nil},
		"stripe, two headers":              {"stripe", headers("Stripe-Signature: t=1,v1="+sum, "Stripe-Signature: t=1,v1="+sum), body, secret, errHeader},
		"the example of the specification": {"standard", standard("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", exampleV1), body, whsec, nil},
		"standard":                         {"standard", standard("a", at, v1("a", at, body)), body, whsec, nil},
		"standard, several":                {"standard", standard("a", at, "v1a,xyz "+v1("b", at, body)+" "+v1("a", at, body)), body, whsec, nil},
		"standard, another id":             {"standard", standard("b", at, v1("a", at, body)), body, whsec, errWrong},
		"standard, another time":           {"standard", standard("a", at+"1", v1("a", at, body)), body, whsec, errWrong},
		"standard, old":                    {"standard", standard("a", "1614265029", v1("a", "1614265029", body)), body, whsec, errTime},
		"standard, dots moved":             {"standard", standard("a."+at, "1", v1("a", at, "1."+body)), body, whsec, errHeader},
		"standard, dots moved to the end":  {"standard", standard("a", at+".1", v1("a", at, "1."+body)), body, whsec, errHeader},
		"standard, no id":                  {"standard", headers("Webhook-Timestamp: "+at, "Webhook-Signature: "+v1("", at, body)), body, whsec, errUnsigned},
		"standard, no time":                {"standard", headers("Webhook-Id: a", "Webhook-Signature: "+v1("a", "", body)), body, whsec, errUnsigned},
		"standard, no signature":           {"standard", headers("Webhook-Id: a", "Webhook-Timestamp: "+at), body, whsec, errUnsigned},
		"standard, a public key's alone":   {"standard", standard("a", at, strings.Replace(v1("a", at, body), "v1", "v1a", 1)), body, whsec, errHeader},
		"standard, cut":                    {"standard", standard("a", at, v1("a", at, body)[:20]), body, whsec, errHeader},
		"standard, two ids":                {"standard", headers("Webhook-Id: a", "Webhook-Id: b", "Webhook-Timestamp: "+at, "Webhook-Signature: "+v1("a", at, body)), body, whsec, errHeader},
	} {
		kind := Kinds[c.kind]
		keys, err := kind.Keys([]string{c.secret})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		id, err := kind.Verify(c.header, c.body, keys, now, DefaultTolerance)
		if !errors.Is(err, c.want) || (id != "") != (err == nil) {
			t.Errorf("%s: %q, %v, want %v", name, id, err, c.want)
		}
	}
}

// While a secret changes both are good, and a message has one id whichever of its signatures is
// left.
func TestRotation(t *testing.T) {
	stripe, at := Kinds["stripe"], fmt.Sprint(now.Unix())
	keys, err := stripe.Keys([]string{another, secret})
	if err != nil {
		t.Fatal(err)
	}
	byOld, byNew := ",v1="+hexOf(secret, at+"."+body), ",v1="+hexOf(another, at+"."+body)
	ids := map[string]bool{}
	for _, signatures := range []string{byOld, byNew, byOld + byNew, byNew + byOld + byOld} {
		id, err := stripe.Verify(headers("Stripe-Signature: t="+at+signatures), body, keys, now, DefaultTolerance)
		if err != nil {
			t.Error(err)
		}
		ids[id] = true
	}
	if len(ids) != 1 {
		t.Errorf("%d ids of one message", len(ids))
	}
	if _, err := stripe.Verify(headers("Stripe-Signature: t="+at+byOld), body, keys[:1], now, DefaultTolerance); !errors.Is(err, errWrong) {
		t.Errorf("by the secret that is no longer one: %v", err)
	}
}

func TestKeys(t *testing.T) {
	for name, c := range map[string]struct {
		kind    string
		secrets []string
		fine    bool
	}{
		"none":                   {"github", nil, false},
		"empty":                  {"github", []string{""}, false},
		"short":                  {"stripe", []string{"whsec_123456789"}, false},
		"one of two":             {"github", []string{secret, ""}, false},
		"two":                    {"github", []string{secret, another}, true},
		"too many":               {"github", strings.Split(strings.Repeat(secret+" ", 11), " ")[:11], false},
		"standard":               {"standard", []string{whsec}, true},
		"standard, bare":         {"standard", []string{strings.TrimPrefix(whsec, "whsec_")}, true},
		"standard, nothing":      {"standard", []string{"whsec_"}, false},
		"standard, no base64":    {"standard", []string{"whsec_%%%%%%%%%%%%%%%%%%%%%%%%%%"}, false},
		"standard, a public key": {"standard", []string{"whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, false},
	} {
		if _, err := Kinds[c.kind].Keys(c.secrets); (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		} else if err != nil && len(c.secrets) > 0 && c.secrets[0] != "" && strings.Contains(err.Error(), c.secrets[0]) && c.secrets[0] != "whsec_" {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}

// Headers of strangers are read without a panic, and none is genuine.
func FuzzVerify(f *testing.F) {
	for _, seed := range []string{"t=1,v1=00", "sha256=00", "v1,AA== v1,", "t=1614265330,v1=" + strings.Repeat("0", 64), ""} {
		f.Add(seed, "a", "1614265330")
	}
	keys := [][]byte{[]byte(secret)}
	f.Fuzz(func(t *testing.T, signature, id, at string) {
		h := headers("X-Hub-Signature-256: "+signature, "Stripe-Signature: "+signature,
			"Webhook-Id: "+id, "Webhook-Timestamp: "+at, "Webhook-Signature: "+signature)
		for name, kind := range Kinds {
			if _, err := kind.Verify(h, body, keys, now, DefaultTolerance); err == nil {
				t.Errorf("%s: %q is genuine", name, signature)
			}
			if m, err := kind.parse(h); err == nil && (len(m.sums) == 0 || len(m.sums) > MaxSignatures || kind.HasTime && m.time == "") {
				t.Errorf("%s: %q is read as %+v", name, signature, m)
			}
		}
	})
}
