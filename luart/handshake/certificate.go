package handshake

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// MaxPEM bounds the certificates and the key of a script: a chain has some 5 KiB.
const MaxPEM = 64 << 10

// Pair is a certificate with those that it was signed by, and its key, both as PEM. Neither is
// written into an error or a log.
type Pair struct{ Certificate, Key string }

// ErrNone says that a script has no certificate for a name.
var ErrNone = errors.New("there is no certificate")

// Shown is what a client gets to see.
type Shown struct {
	*tls.Certificate // nil: nothing

	// Others says that the script leaves the name to other sources of certificates. Without it a
	// client gets nothing: Caddy would get one for whatever name a client makes up, where
	// nothing else keeps it from that.
	Others bool
}

// Parse reads the pair. Errors: text that is no certificate or no key; a key of another certificate.
func (p Pair) Parse() (*tls.Certificate, error) {
	if len(p.Certificate) > MaxPEM || len(p.Key) > MaxPEM {
		return nil, fmt.Errorf("a certificate or a key of more than %d KiB", MaxPEM>>10)
	}
	cert, err := tls.X509KeyPair([]byte(p.Certificate), []byte(p.Key))
	if err != nil {
		return nil, err
	}
	return &cert, nil
}

// Check says why a certificate must not be shown to a client that asks for a name, nil if it may.
// sni is false for a client that has asked for none: it cannot be told that a name is wrong.
func Check(cert *tls.Certificate, name string, sni bool, now time.Time) error {
	leaf := cert.Leaf
	switch {
	case leaf == nil:
		return errors.New("it has no certificate")
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("its certificate is not valid before %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	case !now.Before(leaf.NotAfter):
		return fmt.Errorf("its certificate has expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case sni && leaf.VerifyHostname(name) != nil:
		return errors.New("its certificate is for other names")
	}
	return nil
}
