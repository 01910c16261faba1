// Package geo looks addresses up in databases of MaxMind's format (.mmdb): countries, cities,
// networks. A file is read into memory, not mapped, so that one that is cut short while it is in
// use is no SIGBUS. It is shared by all who open it, and goes with the last of them.
package geo

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// MaxFileBytes bounds a file: four times what the largest one of MaxMind has.
const MaxFileBytes = 512 << 20

// MaxFiles is how many databases one script may have: each look-up may ask them all.
const MaxFiles = 8

// MaxDepth is how deep what is known of an address may be nested, and how long a path may be.
const MaxDepth = 32

// Source is what somebody knows of addresses. Any goroutine may use it.
type Source interface {
	// Lookup returns what is at a path of what is known of an address: strings are names in
	// maps, ints are places in lists, from 0 on, or from the end, from -1 on. nil: nothing is
	// known. The value is made of map[string]any, []any, string, []byte, bool, numbers of Go,
	// and *big.Int.
	Lookup(a netip.Addr, path ...any) (any, error)
}

// Country returns the code of the country that an address is in; "" if that is not known. It is
// what MaxMind's databases and those like them have at country.iso_code, and others at
// country_code, or at country.
func Country(s Source, a netip.Addr) (string, error) {
	v, err := s.Lookup(a, "country", "iso_code")
	if v == nil && err == nil {
		v, err = s.Lookup(a, "country_code")
	}
	if v == nil && err == nil {
		if v, err = s.Lookup(a, "country"); err == nil {
			if _, isMap := v.(map[string]any); isMap { // of a country without a code
				return "", nil
			}
		}
	}
	if v == nil || err != nil {
		return "", err
	}
	code, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("the country of %s is no text", a)
	}
	return code, nil
}

// Nothing is the Source that knows no address.
type Nothing struct{}

// Lookup implements Source.
func (Nothing) Lookup(netip.Addr, ...any) (any, error) { return nil, nil }

// Databases are the files of a script. The first one that knows something is asked alone; what is
// known of an address as a whole is what all of them know, by name, the first ones first.
type Databases []*Database

// Lookup implements Source.
func (d Databases) Lookup(a netip.Addr, path ...any) (any, error) {
	var all map[string]any
	for _, db := range d {
		v, err := db.Lookup(a, path...)
		if err != nil {
			return nil, err
		}
		record, isMap := v.(map[string]any)
		switch {
		case v == nil:
			continue
		case len(path) > 0 || !isMap && all == nil || len(d) == 1:
			return v, nil
		case all == nil:
			all = record
			continue
		}
		for name, v := range record {
			if _, known := all[name]; !known {
				all[name] = v
			}
		}
	}
	if all == nil {
		return nil, nil
	}
	return all, nil
}

// Stamps returns what tells each file from a later one in its place, by its path.
func (d Databases) Stamps() map[string][]byte {
	stamps := make(map[string][]byte, len(d))
	for _, db := range d {
		stamps[db.key.path] = db.key.stamp()
	}
	return stamps
}

// Database is one file.
type Database struct {
	key    key
	reader *maxminddb.Reader
}

// errDamaged is of a file whose parts do not fit together.
var errDamaged = errors.New("it is damaged")

// Lookup implements Source.
func (db *Database) Lookup(a netip.Addr, path ...any) (v any, err error) {
	if db.reader.Metadata.IPVersion == 4 && a.Is6() {
		return nil, nil
	}
	result := db.reader.Lookup(a)
	if !result.Found() && result.Err() == nil {
		return nil, nil
	}
	if len(path) == 2 { // a name in a map, as that of a country: nothing else is made of the record
		var text *string
		if err := result.DecodePath(&text, path...); err == nil && text != nil {
			return *text, nil
		}
	}
	// What is not where the path leads is no damage: so the path is followed here.
	if v, err = db.decode(result, path); err != nil {
		return nil, fmt.Errorf("geo file %q: looking up %s: %w: %w", db.key.path, a, errDamaged, err)
	}
	return v, nil
}

// decode returns what is at a path of a record, nil where there is nothing.
func (db *Database) decode(result maxminddb.Result, path []any) (any, error) {
	var record any
	if len(path) > 0 {
		// The first step is made in the file: the rest of a record may be large.
		if _, isName := path[0].(string); isName {
			if err := result.DecodePath(&record, path[0]); err == nil {
				return At(record, path[1:]), nil
			}
		}
	}
	if err := result.Decode(&record); err != nil {
		return nil, err
	}
	return At(record, path), nil
}

// At returns what is at a path of a value, nil where there is nothing: see Source.
func At(v any, path []any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			list, _ := v.([]any)
			if step < 0 {
				step += len(list)
			}
			if step < 0 || step >= len(list) {
				return nil
			}
			v = list[step]
		default:
			return nil
		}
	}
	return v
}
