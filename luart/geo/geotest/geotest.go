// Package geotest writes databases of MaxMind's format, for tests.
package geotest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/caddy-rover/rover/luart/geo"
)

// Places are what examples in docs know, by network, as GeoLite2-City says it.
var Places = map[string]any{
	"198.51.100.0/24": map[string]any{
		"country":      map[string]any{"iso_code": "DE", "geoname_id": 2921044, "is_in_european_union": true, "names": map[string]any{"en": "Germany", "de": "Deutschland"}},
		"city":         map[string]any{"names": map[string]any{"en": "Berlin"}},
		"subdivisions": []any{map[string]any{"iso_code": "BE", "names": map[string]any{"en": "Land Berlin"}}},
		"location":     map[string]any{"latitude": 52.5, "longitude": 13.25, "time_zone": "Europe/Berlin"},
	},
	"2001:db8:1::/48": map[string]any{
		"country": map[string]any{"iso_code": "FR"},
	},
}

// Source knows Places.
func Source() geo.Source {
	r, err := geo.NewRecords(Places)
	if err != nil {
		panic(err)
	}
	return r
}

// Bytes returns a database that knows what records say, by network. version is that of IP: 4 or 6. An
// int is a number of 32 bits without a sign, others are what they are.
func Bytes(version int, records map[string]any) ([]byte, error) {
	networks := slices.Collect(maps.Keys(records))
	prefixes := map[string]netip.Prefix{}
	for _, text := range networks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		prefixes[text] = p
	}
	// Wide ones first: those in them take their place.
	slices.SortFunc(networks, func(a, b string) int {
		return cmp.Or(cmp.Compare(prefixes[a].Bits(), prefixes[b].Bits()), cmp.Compare(a, b))
	})
	var data []byte
	root := new(node)
	for _, text := range networks {
		at := len(data) + 1
		var err error
		if data, err = appendValue(data, records[text]); err != nil {
			return nil, err
		}
		root.insert(bitsOf(prefixes[text], version), at)
	}
	root.split()
	nodes := []*node{root}
	for i := 0; i < len(nodes); i++ {
		nodes[i].number = i
		for _, child := range nodes[i].children {
			if child.children[0] != nil {
				nodes = append(nodes, child)
			}
		}
	}
	var out []byte
	for _, n := range nodes {
		for _, child := range n.children {
			record := len(nodes) // nothing is known
			switch {
			case child.children[0] != nil:
				record = child.number
			case child.data > 0:
				record = len(nodes) + len(separator) + child.data - 1
			}
			out = append(out, byte(record>>16), byte(record>>8), byte(record))
		}
	}
	out = append(append(out, separator[:]...), data...)
	return appendValue(append(out, "\xab\xcd\xefMaxMind.com"...), map[string]any{
		"node_count": len(nodes), "record_size": uint16(24), "ip_version": uint16(version), "database_type": "Test",
		"languages": []any{}, "description": map[string]any{}, "build_epoch": uint64(1),
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0),
	})
}

// separator stands between the tree and the data.
var separator [16]byte

// node is one of the tree: it has two children, or none.
type node struct {
	children [2]*node
	data     int // where its record is, from 1; 0: nowhere
	number   int
}

func (n *node) split() {
	if n.children[0] == nil {
		n.children = [2]*node{{data: n.data}, {data: n.data}}
	}
}

func (n *node) insert(bits []byte, data int) {
	for _, bit := range bits {
		n.split()
		n = n.children[bit]
	}
	n.data = data
}

// bitsOf returns the bits of a network as the tree has them.
func bitsOf(p netip.Prefix, version int) []byte {
	var bits []byte
	if p.Addr().Is4() && version == 6 {
		bits = make([]byte, 96) // ::a.b.c.d
	}
	address := p.Addr().AsSlice()
	for i := range p.Bits() {
		bits = append(bits, address[i/8]>>(7-i%8)&1)
	}
	return bits
}

// Write writes such a database to a file, of version 6.
func Write(t testing.TB, path string, records map[string]any) {
	t.Helper()
	content, err := Bytes(6, records)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// appendValue appends a value as the data section has it.
func appendValue(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case string:
		return append(appendControl(b, 2, len(v)), v...), nil
	case float64:
		return binary.BigEndian.AppendUint64(appendControl(b, 3, 8), math.Float64bits(v)), nil
	case []byte:
		return append(appendControl(b, 4, len(v)), v...), nil
	case uint16:
		return binary.BigEndian.AppendUint16(appendControl(b, 5, 2), v), nil
	case int:
		return binary.BigEndian.AppendUint32(appendControl(b, 6, 4), uint32(v)), nil
	case map[string]any:
		b = appendControl(b, 7, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if b, err = appendValue(b, name); err == nil {
				b, err = appendValue(b, v[name])
			}
			if err != nil {
				return nil, err
			}
		}
		return b, nil
	case int32:
		return binary.BigEndian.AppendUint32(appendControl(b, 8, 4), uint32(v)), nil
	case uint64:
		return binary.BigEndian.AppendUint64(appendControl(b, 9, 8), v), nil
	case []any:
		b = appendControl(b, 11, len(v))
		for _, item := range v {
			if b, err = appendValue(b, item); err != nil {
				return nil, err
			}
		}
		return b, nil
	case bool:
		if v {
			return appendControl(b, 14, 1), nil
		}
		return appendControl(b, 14, 0), nil
	case float32:
		return binary.BigEndian.AppendUint32(appendControl(b, 15, 4), math.Float32bits(v)), nil
	}
	return nil, fmt.Errorf("a %T has no type there", v)
}

// appendControl appends what a value begins with: its type and its size.
func appendControl(b []byte, kind, size int) []byte {
	var more []byte
	low := size
	switch {
	case size >= 65821:
		low, size = 31, size-65821
		more = []byte{byte(size >> 16), byte(size >> 8), byte(size)}
	case size >= 285:
		low, size = 30, size-285
		more = []byte{byte(size >> 8), byte(size)}
	case size >= 29:
		low, more = 29, []byte{byte(size - 29)}
	}
	if kind > 7 {
		b = append(b, byte(low), byte(kind-7))
	} else {
		b = append(b, byte(kind<<5|low))
	}
	return append(b, more...)
}
