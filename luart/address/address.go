// Package address reads IP addresses and networks in one way, and tells which addresses are in a
// set of networks.
//
// Any goroutine may call everything; a Set must not be changed while another one uses it.
package address

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"
)

// MaxText bounds the text of a network that is looked at, and repeated in an error.
const MaxText = 64

// Parse reads an address as clients, headers and logs have it. An IPv4 address in IPv6 is the IPv4
// address: a set must not miss it. Errors: a zone, a port, brackets, zeros in front, short forms.
func Parse(text string) (netip.Addr, error) {
	if len(text) > MaxText {
		return netip.Addr{}, errors.New("no IP address")
	}
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("%q is no IP address", text)
	case a.Zone() != "":
		return netip.Addr{}, fmt.Errorf("%q has a zone, which only the machine knows that wrote it", text)
	}
	return a.Unmap(), nil
}

// ParseNetwork reads a network, or an address, which is the network of it alone. Errors: those of
// Parse; bits of an address beyond the length: it could mean another network.
func ParseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := Parse(text)
		return netip.PrefixFrom(a, a.BitLen()), err
	}
	if len(text) > MaxText {
		return netip.Prefix{}, errors.New("no network")
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no network", text)
	}
	if p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("%q has bits beyond its length: did you mean %s?", text, p.Masked())
	}
	if !p.Addr().Is4In6() {
		return p, nil
	}
	if p.Bits() < 96 {
		return netip.Prefix{}, fmt.Errorf("%q is of addresses of IPv4 in IPv6: write it as a network of IPv4", text)
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96), nil
}

// Set is a set of networks. The zero value is empty.
type Set struct{ table bart.Lite }

// Add adds a network.
func (s *Set) Add(p netip.Prefix) { s.table.Insert(p) }

// Contains reports whether an address of Parse is in one of the networks.
func (s *Set) Contains(a netip.Addr) bool { return s.table.Contains(a) }

// Len is how many different networks there are.
func (s *Set) Len() int { return s.table.Size() }

// documentation are addresses that no machine on the internet has.
var documentation = func() *Set {
	var s Set
	for _, text := range []string{
		"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20", "100::/64", "5f00::/16",
	} {
		s.Add(netip.MustParsePrefix(text))
	}
	return &s
}()

// IsDocumentation reports whether an address is for examples, or of a range that is discarded.
func IsDocumentation(a netip.Addr) bool { return documentation.Contains(a) }
