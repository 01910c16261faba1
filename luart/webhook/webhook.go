// Package webhook verifies that a request was signed by who has a secret: as GitHub, Stripe and
// Standard Webhooks sign theirs.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-rover/rover/luart/secrets"
)

const (
	// MaxSecrets is how many secrets a sender may have, while it changes them.
	MaxSecrets = 10

	// MaxSignatures is how many signatures a request may have.
	MaxSignatures = 20

	// MinSecretBytes is how long a secret is.
	MinSecretBytes = 16

	// DefaultTolerance is how far the time of a request may be from now.
	DefaultTolerance = 5 * time.Minute

	maxHeader = 4 << 10
)

// Kind is how a sender signs.
type Kind struct {
	HasTime bool // of the signing, in what is signed

	key   func(secret string) ([]byte, bool)
	parse func(h http.Header) (message, error)
}

// message is what the header of a request says.
type message struct {
	id     string // "": the sender has none that is signed
	time   string // "": it has none
	prefix string // what is signed: it and the body
	sums   [][]byte
}

// Kinds are the senders that are known.
var Kinds = map[string]Kind{
	"github":   {key: plainKey, parse: parseGitHub},
	"stripe":   {HasTime: true, key: plainKey, parse: parseStripe},
	"standard": {HasTime: true, key: standardKey, parse: parseStandard},
}

// Why a request is not genuine. Texts are for the client too: they say nothing that helps to forge
// one.
var (
	errUnsigned = errors.New("unsigned")
	errHeader   = errors.New("the signature cannot be read")
	errWrong    = errors.New("wrong signature")
	errTime     = errors.New("too old, or from the future")
)

// Keys returns the keys of secrets. Errors do not show them.
func (k Kind) Keys(texts []string) ([][]byte, error) {
	if len(texts) == 0 || len(texts) > MaxSecrets {
		return nil, fmt.Errorf("%d secrets: 1 to %d expected", len(texts), MaxSecrets)
	}
	keys := make([][]byte, len(texts))
	for i, secret := range texts {
		key, ok := k.key(secret)
		if !ok {
			return nil, fmt.Errorf("secret %d: whsec_ and base64 expected", i+1)
		}
		if len(key) < MinSecretBytes {
			return nil, fmt.Errorf("secret %d has %d bytes: at least %d expected", i+1, len(key), MinSecretBytes)
		}
		if err := secrets.Check(string(key)); err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		keys[i] = key
	}
	return keys, nil
}

// Verify reports whether a request is genuine and of now: a signature of it is by one of the keys,
// and its time is within tolerance. id is the same for all copies of a message, and differs for all
// others.
func (k Kind) Verify(h http.Header, body string, keys [][]byte, now time.Time, tolerance time.Duration) (id string, err error) {
	m, err := k.parse(h)
	if err != nil {
		return "", err
	}
	genuine := false
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(m.prefix))
		mac.Write([]byte(body))
		want := mac.Sum(nil)
		for _, sum := range m.sums { // each of them, so that the time says nothing of which one
			genuine = hmac.Equal(sum, want) || genuine
		}
	}
	if !genuine {
		return "", errWrong
	}
	if k.HasTime {
		at, ok := parseTime(m.time)
		if !ok || now.Sub(at).Abs() > tolerance {
			return "", errTime
		}
	}
	if m.id != "" {
		return m.id, nil
	}
	// Not of a signature: a message has one for each secret.
	sum := sha256.New()
	sum.Write([]byte(m.prefix))
	sum.Write([]byte(body))
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// parseTime reads whole seconds since 1970, written in one way.
func parseTime(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 || strconv.FormatInt(n, 10) != text {
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

// one returns the only value of a header: with two, somebody else may read the other one.
func one(h http.Header, name string) (string, error) {
	switch values := h.Values(name); {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", errUnsigned
	case len(values) > 1 || len(values[0]) > maxHeader:
		return "", errHeader
	default:
		return values[0], nil
	}
}

func plainKey(secret string) ([]byte, bool) { return []byte(secret), true }

// standardKey is a key of Standard Webhooks: whsec_ and base64, padded or not.
func standardKey(secret string) ([]byte, bool) {
	text := strings.TrimRight(strings.TrimPrefix(secret, "whsec_"), "=")
	key, err := base64.RawStdEncoding.DecodeString(text)
	return key, err == nil && text != ""
}

// parseGitHub reads "X-Hub-Signature-256: sha256=<hex>", over the body.
func parseGitHub(h http.Header) (m message, err error) {
	value, err := one(h, "X-Hub-Signature-256")
	if err != nil {
		return m, err
	}
	text, ok := strings.CutPrefix(value, "sha256=")
	sum, isSum := hexSum(text)
	if !ok || !isSum {
		return m, errHeader
	}
	m.sums = [][]byte{sum}
	return m, nil
}

// parseStripe reads "Stripe-Signature: t=<seconds>,v1=<hex>,v1=<hex>", over "seconds.body".
// Signatures of other versions, v0 say, do not count.
func parseStripe(h http.Header) (m message, err error) {
	value, err := one(h, "Stripe-Signature")
	if err != nil {
		return m, err
	}
	for part := range strings.SplitSeq(value, ",") {
		name, text, ok := strings.Cut(part, "=")
		switch {
		case !ok:
			return m, errHeader
		case name == "t":
			if m.time != "" || text == "" { // of two, somebody else may read the other one
				return m, errHeader
			}
			m.time = text
		case name == "v1":
			sum, ok := hexSum(text)
			if !ok || len(m.sums) == MaxSignatures {
				return m, errHeader
			}
			m.sums = append(m.sums, sum)
		}
	}
	if m.time == "" || len(m.sums) == 0 {
		return m, errHeader
	}
	m.prefix = m.time + "."
	return m, nil
}

// parseStandard reads Webhook-Id, Webhook-Timestamp and "Webhook-Signature: v1,<base64>
// v1,<base64>", over "id.timestamp.body". Signatures of other versions do not count: v1a is by a
// public key.
func parseStandard(h http.Header) (m message, err error) {
	if m.id, err = one(h, "Webhook-Id"); err != nil {
		return m, err
	}
	if m.time, err = one(h, "Webhook-Timestamp"); err != nil {
		return m, err
	}
	value, err := one(h, "Webhook-Signature")
	if err != nil {
		return m, err
	}
	// With a dot in them they could be signed as others: "a.1" and "2" as "a" and "1.2".
	if strings.Contains(m.id, ".") || strings.Contains(m.time, ".") {
		return m, errHeader
	}
	for part := range strings.SplitSeq(value, " ") {
		version, text, ok := strings.Cut(part, ",")
		if !ok {
			return m, errHeader
		}
		if version != "v1" {
			continue
		}
		sum, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(sum) != sha256.Size || len(m.sums) == MaxSignatures {
			return m, errHeader
		}
		m.sums = append(m.sums, sum)
	}
	if len(m.sums) == 0 {
		return m, errHeader
	}
	m.prefix = m.id + "." + m.time + "."
	return m, nil
}

// hexSum reads a digest.
func hexSum(text string) ([]byte, bool) {
	sum, err := hex.DecodeString(text)
	return sum, err == nil && len(sum) == sha256.Size
}
