package handshake

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxName and maxLabel bound a name and a part of it, as DNS does.
const maxName, maxLabel = 253, 63

// Name returns the one form of a name that a client asks for: lowercase, in ASCII, without a dot
// at its end; an address without brackets and zone. Scripts, and what is remembered for them, see
// no other form. Errors: text that names no host, as * or what has a space in it.
func Name(name string) (string, error) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.WithZone("").Unmap().String(), nil
	}
	if len(name) > maxName+1 {
		return "", fmt.Errorf("a name of %d bytes: %d at most", len(name), maxName)
	}
	if !utf8.ValidString(name) {
		return "", errNoName(name)
	}
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(name, "."))
	if err != nil || ascii == "" || len(ascii) > maxName {
		return "", errNoName(name)
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > maxLabel {
			return "", errNoName(name)
		}
	}
	// What is mapped to another name when it is read again could be asked for under both.
	if again, err := idna.Lookup.ToASCII(ascii); again != ascii || err != nil {
		return "", errNoName(name)
	}
	return ascii, nil
}

func errNoName(name string) error { return fmt.Errorf("%q is no name of a host", name) }

// LocalName is the name of a client that asks for none: the address that it has connected to. ok
// is false where that is none, as on a unix socket.
func LocalName(conn net.Conn) (name string, ok bool) {
	if conn == nil {
		return "", false
	}
	addr, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return "", false
	}
	return addr.Addr().WithZone("").Unmap().String(), true
}
