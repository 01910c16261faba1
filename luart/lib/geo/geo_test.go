package geo_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/geo/geotest"
	libgeo "github.com/caddy-rover/rover/luart/lib/geo"
	"github.com/caddy-rover/rover/luart/libtest"
)

// deep is a value with n levels of tables.
func deep(n int) any {
	var v any = "end"
	for i := range n {
		if v = any(map[string]any{"a": v}); i%2 == 1 {
			v = []any{v.(map[string]any)["a"]}
		}
	}
	return v
}

func TestGeo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mmdb")
	geotest.Write(t, path, map[string]any{
		"198.51.100.0/24": geotest.Places["198.51.100.0/24"],
		"2001:db8:1::/48": geotest.Places["2001:db8:1::/48"],
		"10.0.0.0/24": map[string]any{
			"small": uint64(999_999_999_999_999), "large": uint64(9_007_199_254_740_993), "most": uint64(18_446_744_073_709_551_615),
			"less": int32(-5), "short": uint16(7), "float": float32(1.5), "bytes": []byte("a\x00b"), "no": false,
			"list": []any{"x", []any{}, map[string]any{}},
		},
		"10.0.1.0/24": deep(geo.MaxDepth),
		"10.0.2.0/24": deep(geo.MaxDepth + 1),
		"10.0.3.0/24": "text",
		"10.0.4.0/24": map[string]any{"country": 49},
	})
	d, err := geo.Open(t.Context(), []string{path}, func(string, []byte) {})
	if err != nil {
		t.Fatal(err)
	}
	vm := libtest.New(t, libgeo.Library)
	vm.Change = func(s *luart.Script) { s.Geo = d }
	for _, c := range []struct{ chunk, want string }{
		{`local c = rover.geo.country return c "198.51.100.7", c "::ffff:198.51.100.7", c "2001:DB8:1::7", c "10.0.0.1", c "127.0.0.1", c "::1", c "10.0.3.1"`, "DE | DE | FR | nil | nil | nil | nil"},
		{`local l = rover.geo.lookup return l("198.51.100.7", "city", "names", "en"), l("198.51.100.7").city.names.en, l("198.51.100.7", "location").latitude, l("198.51.100.7", "country", "is_in_european_union")`, "Berlin | Berlin | 52.5 | true"},
		{`local l = rover.geo.lookup return l("198.51.100.7", "subdivisions", 1, "iso_code"), l("198.51.100.7", "subdivisions", -1, "iso_code"), l("198.51.100.7", "subdivisions", 2), #l("198.51.100.7", "subdivisions")`, "BE | BE | nil | 1"},
		{`return select("#", rover.geo.lookup("127.0.0.1")), rover.geo.lookup("127.0.0.1"), rover.geo.lookup("10.0.3.1"), rover.geo.lookup("10.0.3.1", "x")`, "1 | nil | text | nil"},
		{`local v = rover.geo.lookup("10.0.0.1") return v.small == 999999999999999, v.large, v.most, v.less, v.short, v.float, #v.bytes, v.no, v.list[1], #v.list[2], type(v.list[3])`, "true | 9007199254740993 | 18446744073709551615 | -5 | 7 | 1.5 | 3 | false | x | 0 | table"},
		{`local v = rover.geo.lookup("10.0.0.1") return type(v.small), type(v.large)`, "number | string"},
		{`return type(rover.geo.lookup("10.0.1.1"))`, "table"},
		{`local a = rover.geo.lookup("198.51.100.7") a.country.iso_code = "XX" a.new = 1 return rover.geo.country("198.51.100.7"), rover.geo.lookup("198.51.100.7").new`, "DE | nil"},

		// What is no address must not be an address of nowhere.
		{`local ok, e = pcall(rover.geo.country, "198.51.100") return ok, e.status, e.message`, `false | 400 | "198.51.100" is no IP address`},
		{`return select(2, pcall(rover.geo.country, "198.51.100.7:80")).status, select(2, pcall(rover.geo.lookup, "")).status, select(2, pcall(rover.geo.lookup, "fe80::1%eth0")).status, select(2, pcall(rover.geo.country, "0198.51.100.7")).status`, "400 | 400 | 400 | 400"},
		{`rover.geo.country()`, "error: chunk:1: bad argument #1 to country (string expected, got no value)"},
		{`rover.geo.country {}`, "error: chunk:1: bad argument #1 to country (string expected, got table)"},
		{`return select(2, pcall(rover.geo.country, 7)).status`, "400"},
		{`rover.geo.lookup("10.0.0.1", 0)`, "error: chunk:1: bad argument #2 to lookup (a place in a list, from 1 on or from -1 back, expected, got 0)"},
		{`rover.geo.lookup("10.0.0.1", "list", 1.5)`, "error: chunk:1: bad argument #3 to lookup (a place in a list, from 1 on or from -1 back, expected, got 1.5)"},
		{`rover.geo.lookup("10.0.0.1", "list", 0/0)`, "error: chunk:1: bad argument #3 to lookup (a place in a list, from 1 on or from -1 back, expected, got "},
		{`return rover.geo.lookup("10.0.0.1", "list", 2^53)`, "nil"},
		{`rover.geo.lookup("10.0.0.1", { "list" })`, "error: chunk:1: bad argument #2 to lookup (a name or a place in a list expected, got table)"},
		{`rover.geo.lookup("10.0.0.1", nil)`, "error: chunk:1: bad argument #2 to lookup (a name or a place in a list expected, got nil)"},
		{`local p = {} for i = 1, 33 do p[i] = "a" end rover.geo.lookup("10.0.0.1", unpack(p))`, "error: chunk:1: bad argument #2 to lookup (a path of 32 steps at most expected, got 33)"},
		{`rover.geo.lookup("10.0.2.1")`, "error: chunk:1: rover.geo.lookup: what is known of 10.0.2.1: it is nested too deeply"},
		{`rover.geo.country("10.0.4.1")`, "error: chunk:1: rover.geo.country: the country of 10.0.4.1 is no text"},
	} {
		got, err := vm.Eval(t.Context(), c.chunk)
		if err != nil || got != c.want && (!strings.HasSuffix(c.want, "got ") || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s\n got %s, %v\nwant %s", c.chunk, got, err, c.want)
		}
	}
}

// Without the option the error says what to write, also of what is no address.
func TestNoDatabase(t *testing.T) {
	vm := libtest.New(t, libgeo.Library)
	vm.Expect(t, `rover.geo.country "x"`, `error: chunk:1: rover.geo.country: there is no database: add "geo <file.mmdb>" to the rover block of the Caddyfile`)
	vm.Expect(t, `rover.geo.lookup "10.0.0.1"`, `error: chunk:1: rover.geo.lookup: there is no database: add "geo <file.mmdb>" to the rover block of the Caddyfile`)
	vm.Change = func(s *luart.Script) { s.Geo = geo.Nothing{} }
	vm.Expect(t, `return rover.geo.country "10.0.0.1", rover.geo.lookup "10.0.0.1"`, "nil | nil")
}

// A damaged database is an error: nil would let everybody in who is in no list.
func TestDamaged(t *testing.T) {
	content, err := geotest.Bytes(6, geotest.Places)
	if err != nil {
		t.Fatal(err)
	}
	damaged := []byte(strings.ReplaceAll(string(content), "iso_code", "iso_\xff\xff\xff\xff"))
	at := strings.LastIndex(string(damaged), "\xab\xcd\xefMaxMind.com")
	for i := at / 2; i < at; i++ {
		damaged[i] = 0xff
	}
	path := filepath.Join(t.TempDir(), "a.mmdb")
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := geo.Open(t.Context(), []string{path}, func(string, []byte) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lookup(netip.MustParseAddr("198.51.100.7")); err == nil {
		t.Fatalf("the file is not as damaged as the test wants it: %v", err)
	}
	vm := libtest.New(t, libgeo.Library)
	vm.Change = func(s *luart.Script) { s.Geo = d }
	for _, chunk := range []string{`return rover.geo.country "198.51.100.7"`, `return rover.geo.lookup "198.51.100.7"`} {
		if got, err := vm.Eval(t.Context(), chunk); err != nil || !strings.Contains(got, `a.mmdb": looking up 198.51.100.7: it is damaged: `) {
			t.Errorf("%s: %s, %v", chunk, got, err)
		}
	}
}
