package geo

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/caddy-rover/rover/luart/address"
)

// Records is a Source of a few addresses and networks, for tests of scripts. The smallest network
// that an address is in counts.
type Records struct{ list []record }

type record struct {
	network netip.Prefix
	value   any
}

// NewRecords makes one of values by addresses and networks, as text. They are not to be changed.
func NewRecords(byNetwork map[string]any) (*Records, error) {
	r := new(Records)
	for text, v := range byNetwork {
		network, err := address.ParseNetwork(text)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(r.list, func(other record) bool { return other.network == network }) {
			return nil, fmt.Errorf("%s is there twice", network)
		}
		r.list = append(r.list, record{network, v})
	}
	slices.SortFunc(r.list, func(a, b record) int { return cmp.Compare(b.network.Bits(), a.network.Bits()) })
	return r, nil
}

// Lookup implements Source.
func (r *Records) Lookup(a netip.Addr, path ...any) (any, error) {
	for _, of := range r.list {
		if of.network.Contains(a) {
			return At(of.value, path), nil
		}
	}
	return nil, nil
}
