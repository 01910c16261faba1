package geo_test

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/geo/geotest"
)

// open opens a database of records.
func open(t testing.TB, records ...map[string]any) geo.Databases {
	t.Helper()
	var paths []string
	for i, r := range records {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i, ".mmdb"))
		geotest.Write(t, path, r)
		paths = append(paths, path)
	}
	d, err := geo.Open(t.Context(), paths, func(string, []byte) {})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLookup(t *testing.T) {
	fake, err := geo.NewRecords(geotest.Places)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]geo.Source{"a file": open(t, geotest.Places), "a test's": fake} {
		for _, c := range []struct {
			ip   string
			path []any
			want any
		}{
			{"198.51.100.7", []any{"country", "iso_code"}, "DE"},
			{"198.51.100.7", []any{"city", "names", "en"}, "Berlin"},
			{"198.51.100.7", []any{"city", "names"}, map[string]any{"en": "Berlin"}},
			{"198.51.100.7", []any{"subdivisions", 0, "iso_code"}, "BE"},
			{"198.51.100.7", []any{"subdivisions", -1, "iso_code"}, "BE"},
			{"198.51.100.7", []any{"subdivisions", 1, "iso_code"}, nil},
			{"198.51.100.7", []any{"subdivisions", -2}, nil},
			{"198.51.100.7", []any{"subdivisions", "iso_code"}, nil},
			{"198.51.100.7", []any{"country", 0}, nil},
			{"198.51.100.7", []any{0}, nil},
			{"198.51.100.7", []any{"country", "iso_code", "x"}, nil},
			{"198.51.100.7", []any{"country", "x"}, nil},
			{"198.51.100.7", []any{"x", "iso_code"}, nil},
			{"198.51.100.7", []any{"location", "latitude"}, 52.5},
			{"198.51.100.7", []any{"country", "is_in_european_union"}, true},
			{"2001:db8:1::7", nil, map[string]any{"country": map[string]any{"iso_code": "FR"}}},
			{"2001:db8:2::7", nil, nil},
			{"198.51.101.7", nil, nil},
			{"198.51.101.7", []any{"country"}, nil},
		} {
			got, err := s.Lookup(netip.MustParseAddr(c.ip), c.path...)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %s %v: got %v, %v, want %v", name, c.ip, c.path, got, err, c.want)
			}
		}
	}
}

// Others than MaxMind have the country elsewhere.
func TestCountry(t *testing.T) {
	d := open(t, map[string]any{
		"10.1.0.0/16": map[string]any{"country": map[string]any{"iso_code": "DE"}, "registered_country": map[string]any{"iso_code": "US"}},
		"10.2.0.0/16": map[string]any{"country": "DE"},
		"10.3.0.0/16": map[string]any{"country_code": "DE", "country": "Germany"},
		"10.4.0.0/16": map[string]any{"country": map[string]any{"names": map[string]any{"en": "Germany"}}},
		"10.5.0.0/16": map[string]any{"registered_country": map[string]any{"iso_code": "US"}},
		"10.6.0.0/16": map[string]any{"country": 49},
		"10.7.0.0/16": map[string]any{"country": map[string]any{"iso_code": 49}},
		"10.8.0.0/16": "DE",
	})
	for ip, want := range map[string]string{
		"10.1.0.1": "DE, <nil>", "10.2.0.1": "DE, <nil>", "10.3.0.1": "DE, <nil>", "10.4.0.1": ", <nil>", "10.5.0.1": ", <nil>",
		"10.6.0.1": ", the country of 10.6.0.1 is no text", "10.7.0.1": ", the country of 10.7.0.1 is no text", "10.8.0.1": ", <nil>", "10.9.0.1": ", <nil>",
	} {
		code, err := geo.Country(d, netip.MustParseAddr(ip))
		if got := fmt.Sprintf("%s, %v", code, err); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}

// The first database that knows something says it; a whole record is what all know.
func TestDatabases(t *testing.T) {
	d := open(t,
		map[string]any{"10.0.0.0/16": map[string]any{"country": map[string]any{"iso_code": "DE"}, "x": 1}, "10.9.0.0/16": "text"},
		map[string]any{"10.0.0.0/8": map[string]any{"autonomous_system_number": 64500, "x": 2}})
	for _, c := range []struct {
		ip   string
		path []any
		want any
	}{
		{"10.0.0.1", nil, map[string]any{"country": map[string]any{"iso_code": "DE"}, "x": uint64(1), "autonomous_system_number": uint64(64500)}},
		{"10.0.0.1", []any{"x"}, uint64(1)},
		{"10.0.0.1", []any{"autonomous_system_number"}, uint64(64500)},
		{"10.1.0.1", []any{"x"}, uint64(2)},
		{"10.1.0.1", nil, map[string]any{"x": uint64(2), "autonomous_system_number": uint64(64500)}},
		{"10.9.0.1", nil, "text"},
		{"11.0.0.1", nil, nil},
	} {
		got, err := d.Lookup(netip.MustParseAddr(c.ip), c.path...)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %v: got %#v, %v, want %#v", c.ip, c.path, got, err, c.want)
		}
	}
}

// A database of IPv4 alone knows no address of IPv6: that is no error.
func TestIPv4Only(t *testing.T) {
	content, err := geotest.Bytes(4, map[string]any{"10.0.0.0/8": map[string]any{"country": "DE"}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "4.mmdb")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := geo.Open(t.Context(), []string{path}, func(string, []byte) {})
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]string{"10.0.0.1": "DE", "2001:db8::1": ""} {
		if got, err := geo.Country(d, netip.MustParseAddr(ip)); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", ip, got, err, want)
		}
	}
}

// A file is in memory once, and goes when nobody has it; what is put in its place is another one.
func TestOpenShares(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mmdb")
	geotest.Write(t, path, geotest.Places)
	ask := func() (geo.Databases, []byte) {
		var stamp []byte
		d, err := geo.Open(t.Context(), []string{path}, func(p string, s []byte) {
			if p == path {
				stamp = s
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return d, stamp
	}
	one, stamp := ask()
	two, _ := ask()
	if one[0] != two[0] {
		t.Error("two who open a file have it twice")
	}
	if now, err := geo.Stamp(path); err != nil || string(now) != string(stamp) || string(one.Stamps()[path]) != string(stamp) {
		t.Errorf("the stamp is %q, of what is open %q, and was %q", now, one.Stamps()[path], stamp)
	}
	later := filepath.Join(t.TempDir(), "later.mmdb")
	geotest.Write(t, later, map[string]any{"198.51.100.0/24": map[string]any{"country": "AT"}})
	if err := os.Rename(later, path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	three, other := ask()
	if string(other) == string(stamp) {
		t.Errorf("a new file has the stamp %q, too", other)
	}
	a := netip.MustParseAddr("198.51.100.1")
	was, _ := geo.Country(one, a)
	if is, err := geo.Country(three, a); was != "DE" || is != "AT" || err != nil {
		t.Errorf("the file before says %q, the new one %q, %v", was, is, err)
	}
	runtime.KeepAlive(two)
	for range 1000 {
		runtime.GC()
		if geo.Opened(filepath.Dir(path)) == 0 {
			return
		}
		runtime.Gosched()
	}
	t.Error("files stay in memory that nobody has")
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	whole, err := geotest.Bytes(6, geotest.Places)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	large := write("large", nil)
	if err := os.Truncate(large, geo.MaxFileBytes+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"):               "no such file or directory",
		dir:                                      "it is no regular file",
		large:                                    "it has 536870913 bytes, and may have 536870912",
		write("empty", nil):                      "it is no database of MaxMind's format (.mmdb), or damaged: ",
		write("text", []byte("hello")):           "it is no database of MaxMind's format (.mmdb), or damaged: ",
		write("short", whole[:len(whole)-1]):     "it is no database of MaxMind's format (.mmdb), or damaged: ",
		write("half", whole[:len(whole)/2]):      "it is no database of MaxMind's format (.mmdb), or damaged: ",
		write("beginning", whole[len(whole)/2:]): "it is no database of MaxMind's format (.mmdb), or damaged: ",
	} {
		var told []string
		d, err := geo.Open(t.Context(), []string{path}, func(p string, stamp []byte) { told = append(told, fmt.Sprint(p, stamp != nil)) })
		if want := fmt.Sprintf("opening geo file %q: %s", path, want); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, %v, want %s", d, err, want)
		}
		if want := fmt.Sprint(path, filepath.Base(path) != "none"); !slices.Equal(told, []string{want}) {
			t.Errorf("told %q, want %q", told, want)
		}
	}
}

func TestRecordsErrors(t *testing.T) {
	for networks, want := range map[string]string{
		"10.0.0.1/8": `"10.0.0.1/8" has bits beyond its length: did you mean 10.0.0.0/8?`, "x": `"x" is no IP address`,
		"::1 ::1/128": "::1/128 is there twice",
	} {
		records := map[string]any{}
		for _, n := range strings.Fields(networks) {
			records[n] = true
		}
		if _, err := geo.NewRecords(records); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", networks, err, want)
		}
	}
	r, err := geo.NewRecords(map[string]any{"10.0.0.0/8": "large", "10.0.0.0/24": "small", "0.0.0.0/0": "all", "10.0.0.7": "one"})
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]any{"10.0.0.7": "one", "10.0.0.8": "small", "10.9.0.1": "large", "11.0.0.1": "all", "::1": nil} {
		if got, _ := r.Lookup(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
}

// What a file holds is never a panic, and no look-up is without an end.
func FuzzParse(f *testing.F) {
	whole, err := geotest.Bytes(6, geotest.Places)
	if err != nil {
		f.Fatal(err)
	}
	four, err := geotest.Bytes(4, map[string]any{"10.0.0.0/8": map[string]any{"country": "DE"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, content := range [][]byte{whole, four} {
		for n := range 16 {
			f.Add(content[:len(content)*n/16], uint16(0), byte(0))
		}
		for at := range content {
			f.Add(content, uint16(at), byte(0xff))
			f.Add(content, uint16(at), byte(0x20))
		}
	}
	ips := []netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("::")}
	f.Fuzz(func(t *testing.T, content []byte, at uint16, with byte) {
		content = slices.Clone(content)
		if int(at) < len(content) {
			content[at] ^= with
		}
		s, err := geo.Parse(content)
		if err != nil {
			return
		}
		for _, ip := range ips {
			_, _ = geo.Country(s, ip)
			whole, err := s.Lookup(ip)
			if err != nil {
				continue
			}
			if m, ok := whole.(map[string]any); ok { // a path leads to what is there
				for _, name := range slices.Sorted(maps.Keys(m))[:min(len(m), 4)] {
					if part, err := s.Lookup(ip, name); err != nil || !same(part, m[name]) {
						t.Fatalf("%s %q: got %v, %v, want %v", ip, name, part, err, m[name])
					}
				}
			}
		}
	})
}

// same compares values, in which numbers may be NaN.
func same(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func BenchmarkGeo(b *testing.B) {
	d := open(b, geotest.Places)
	a := netip.MustParseAddr("198.51.100.7")
	b.Run("country", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if code, err := geo.Country(d, a); code != "DE" || err != nil {
				b.Fatal(code, err)
			}
		}
	})
	b.Run("record", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v, err := d.Lookup(a); v == nil || err != nil {
				b.Fatal(v, err)
			}
		}
	})
}
