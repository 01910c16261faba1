// Package secrets knows texts that are taken for secrets, and are none.
package secrets

import (
	"bytes"
	"crypto/ecdh"
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
)

// What a text is that others know, and what the script should have.
var (
	errURL   = errors.New("a URL is no secret: everybody knows it. rover.auth.jwks(url) reads the keys that are published there")
	errPath  = errors.New("the name of a file is no secret: give what is in the file, from rover.config and {file.NAME} in the Caddyfile")
	errHole  = errors.New("a placeholder is no secret: scripts read values from rover.config, where the Caddyfile puts them in")
	errASN1  = errors.New("a key or a certificate without its PEM lines is no secret: write -----BEGIN PUBLIC KEY----- (or CERTIFICATE, or PRIVATE KEY) before it and the END line behind it")
	errInPEM = errors.New("PEM is no secret: take random bytes, or where a key of tokens is expected the PEM itself, which begins with -----BEGIN")
	errJSON  = errors.New("JSON is no secret: of a key that is published, give its PEM, or rover.auth.jwks(url) where it is published")
	errSSH   = errors.New("a key of SSH is no secret: ssh-keygen -e -m PKCS8 -f NAME.pub writes it as PEM")
	errRef   = errors.New("where a secret is kept is no secret: have what starts Caddy fetch it, and give it by rover.config")
	errKnown = errors.New("the secret of an example is no secret: everybody knows it. openssl rand -hex 32 makes one")
	errBlank = errors.New("blanks and NUL are no secret: openssl rand -hex 32 makes one")
	errPoint = errors.New("a public key of a curve is no secret: give it as PEM, -----BEGIN PUBLIC KEY-----")
)

// maxNested is how often one form is within another: base64 of base64 of PEM is what the data of a
// Kubernetes secret becomes when it is encoded twice.
const maxNested = 3

// maxSecret bounds what is looked at: no key is longer.
const maxSecret = 64 << 10

// Check says why a text is no secret: it is a key or a certificate, which others have, in one of
// the forms in which they are handed around, or it says only where a key is. The error never has a part of
// it. A modulus alone and the 32 bytes of a key of Ed25519 look like random bytes, and pass.
func Check(text string) error {
	if len(text) > maxSecret {
		return errors.New("the secret is too long")
	}
	one := strings.TrimSpace(text)
	switch {
	case text != "" && strings.Trim(text, "\x00 \t\r\n\v\f") == "":
		return errBlank
	case isKnown[strings.ToLower(one)]:
		return errKnown
	}
	if !strings.ContainsAny(one, ".:{$<") && !strings.HasPrefix(one, "/") && !strings.HasPrefix(one, "~") {
		return public([]byte(text), maxNested) // none of the patterns fits
	}
	switch {
	case isURL.MatchString(one):
		return errURL
	case isPlaceholder.MatchString(one):
		return errHole
	case isReference.MatchString(one):
		return errRef
	case isFile(one):
		return errPath
	}
	return public([]byte(text), maxNested)
}

// isKnown are the secrets of the page that most who try tokens begin with, jwt.io, then and now.
var isKnown = map[string]bool{
	"your-256-bit-secret": true, "your-384-bit-secret": true, "your-512-bit-secret": true,
	"a-string-secret-at-least-256-bits-long": true, "a-string-secret-at-least-384-bits-long-for-hs384": true,
	"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long": true,
}

var (
	isURL         = regexp.MustCompile(`(?i)^(?:[a-z][a-z0-9+.-]*://|data:[a-z]+/|file:)`)
	isPlaceholder = regexp.MustCompile(`^(?:\$?\{[$\w][\w.$:/-]*\}|\$[A-Z_][A-Z0-9_]*|<[\w -]*>|\{\{.*\}\})$`)
	isReference   = regexp.MustCompile(`(?i)^(?:arn:aws[\w-]*:|vault:|ref\+)[\w./:#@+-]+$`)

	// Base64 may begin with a slash: a path has a character that base64 has not, or a folder that
	// all systems have.
	isPath   = regexp.MustCompile(`^(?:~|\.{1,2})?/[\w./ -]*[._-][\w./ -]*$|^(?i:[a-z]:\\)[^:*?"<>|]*$`)
	isFolder = regexp.MustCompile(`^/(?:etc|run|var|home|opt|srv|usr|tmp|root|mnt|config|secrets)/[\w./ -]*$`)
	isName   = regexp.MustCompile(`(?i)^[\w./\\ -]+\.(?:pem|key|pub|crt|cer|cert|der|jwks?|json|p8|p12|pfx|txt)$`)
)

func isFile(text string) bool {
	return isPath.MatchString(text) || isFolder.MatchString(text) || isName.MatchString(text)
}

// public says what bytes are that others have, nil for nothing that is known.
func public(b []byte, nested int) error {
	lower := bytes.ToLower(bytes.TrimSpace(b))
	switch {
	case isPoint(b):
		return errPoint
	case isASN1(b):
		return errASN1
	case bytes.Contains(lower, []byte("---begin ")) || bytes.Contains(lower, []byte("--- begin ")):
		return errInPEM
	case isSSH(b, lower):
		return errSSH
	case len(lower) > 0 && (lower[0] == '{' || lower[0] == '[') && (json.Valid(lower) || bytes.Contains(lower, []byte(`"kty"`))):
		return errJSON
	case bytes.Contains(lower, []byte("<modulus>")), bytes.HasPrefix(lower, []byte("modulus=")), bytes.Contains(lower, []byte("public-key: (")):
		return errASN1
	}
	if nested == 0 {
		return nil
	}
	for _, text := range encoded(string(b)) {
		for _, decode := range decodings {
			if inner, err := decode(text); err == nil && len(inner) > 0 {
				if err := public(inner, nested-1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// isASN1 reports whether bytes begin with a key or a certificate as DER: a list that begins with a
// list, a number or the name of an algorithm, as all of them do. So it knows keys of algorithms that Go
// does not. Of random bytes, fewer than one in a hundred million are read so.
func isASN1(b []byte) bool {
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal(b, &whole)
	if err != nil || whole.Class != asn1.ClassUniversal || whole.Tag != asn1.TagSequence || !whole.IsCompound || len(whole.Bytes) < 24 ||
		len(rest) > len(whole.Bytes)/4 { // something short may stand behind it
		return false
	}
	parts := 0
	for b = whole.Bytes; len(b) > 0; parts++ {
		var part asn1.RawValue
		if b, err = asn1.Unmarshal(b, &part); err != nil {
			return false
		}
		if parts == 0 && (part.Class != asn1.ClassUniversal ||
			part.Tag != asn1.TagSequence && part.Tag != asn1.TagInteger && part.Tag != asn1.TagOID) {
			return false
		}
	}
	return parts >= 2
}

// isPoint reports whether bytes are a point of a curve, which Web Push and COSE write without more. One
// in 256 texts of exactly as many random bytes as a compressed point has is one, too.
func isPoint(b []byte) bool {
	for _, curve := range []ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.P521()} {
		if _, err := curve.NewPublicKey(b); err == nil {
			return true
		}
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		if x, _ := elliptic.UnmarshalCompressed(curve, b); x != nil {
			return true
		}
	}
	return false
}

// isSSH reports whether bytes are a key of SSH: a line of authorized_keys or known_hosts, PuTTY's, or
// the bytes that it has, RFC 4253 section 6.6.
func isSSH(b, lower []byte) bool {
	for _, begin := range []string{"AAAAB3NzaC1", "AAAAC3NzaC1", "AAAAE2VjZHNh", "AAAAGnNrLX", "AAAAInNrLW"} {
		if bytes.Contains(b, []byte(begin)) {
			return true
		}
	}
	for _, begin := range []string{"ssh-rsa", "ssh-ed25519", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "putty-user-key-file"} {
		if bytes.HasPrefix(lower, []byte(begin)) ||
			len(b) > 4+len(begin) && b[0] == 0 && b[1] == 0 && b[2] == 0 && bytes.HasPrefix(b[4:], []byte(begin)) {
			return true
		}
	}
	return false
}

var decodings = []func(string) ([]byte, error){
	base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString, hex.DecodeString,
}

// minEncoded is how long the shortest key is in base64: a compressed point of P-256.
const minEncoded = 44

// newlines are those of a key that stands as a text in JSON or in a shell.
var newlines = strings.NewReplacer(`\n`, "", `\r`, "", `\t`, "")

// encoded returns the parts of a text that could be base64 or hex: all of it, without what stands between
// lines, and each word.
func encoded(text string) (parts []string) {
	if len(text) < minEncoded {
		return nil
	}
	joined := newlines.Replace(text)
	if strings.ContainsFunc(joined, isNoise) {
		joined = strings.Join(strings.FieldsFunc(joined, isNoise), "")
	}
	for _, from := range []string{joined, text} {
		for run := range strings.FieldsFuncSeq(from, isNoCode) {
			if len(run) >= minEncoded && len(parts) < 8 {
				parts = append(parts, strings.TrimPrefix(run, "0x"))
			}
		}
		if joined == text {
			break
		}
	}
	return parts
}

// isNoise reports whether a character stands between the lines of a key that has been copied.
func isNoise(c rune) bool { return c <= ' ' || strings.ContainsRune(`:"',;`, c) }

// isNoCode reports whether a character is none of base64, base64url and hex.
func isNoCode(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("+/-_", c)
}
