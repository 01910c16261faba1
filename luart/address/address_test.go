package address

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "::1": "::1", "2001:DB8:0:0:0:0:0:1": "2001:db8::1", "::ffff:10.0.0.1": "10.0.0.1",
		"::FFFF:0a00:0001": "10.0.0.1", "::10.0.0.1": "::a00:1",
		"": "", "10.0.0": "", "10.0.0.01": "", "010.0.0.1": "", "0x0a.0.0.1": "", "167772161": "", "127.1": "",
		"10.0.0.256": "", "10.0.0.1:80": "", "[::1]": "", "[::1]:80": "", "fe80::1%eth0": "", "::1%": "", " 10.0.0.1": "",
		"10.0.0.1\n": "", "10.0.0.1\x00": "", "10.0.0.1/32": "", "1.2.3.4.5": "", ":::1": "", "1::2::3": "", "12345::": "",
		"١.٢.٣.٤": "", "@": "", strings.Repeat("1", 1<<20): "",
	} {
		a, err := Parse(in)
		if (err == nil) != (want != "") || err == nil && a.String() != want {
			t.Errorf("%.40q: %v, %v", in, a, err)
		}
	}
}

func TestParseNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.0.0.1": "10.0.0.1/32", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0", "::1": "::1/128",
		"::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:10.0.0.1/128": "10.0.0.1/32", "::ffff:10.0.0.1": "10.0.0.1/32",
		"::ffff:0:0/96": "0.0.0.0/0",
		"10.0.0.1/8":    "did you mean 10.0.0.0/8", "10.0.0.0/33": "no network", "10.0.0.0/08": "no network", "10.0.0.0/-1": "no network",
		"10.0.0.0/": "no network", "/8": "no network", "10/8": "no network", "10.0.0.0/255.0.0.0": "no network", "fe80::%eth0/64": "no network",
		"10.0.0.0/8/8": "no network", "10.0.0.0 /8": "no network", "a": "no IP address", "10.0.0.0/" + strings.Repeat("0", 1000) + "8": "no network",
	} {
		p, err := ParseNetwork(in)
		got := fmt.Sprint(p)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%.40q: %s", in, got)
		}
	}
}

// What a set says is what each of its networks says.
func FuzzSet(f *testing.F) {
	f.Add("10.0.0.0/8 ::/3 ::ffff:1.2.3.0/120", "10.1.2.3")
	f.Add("0.0.0.0/0", "::1")
	f.Fuzz(func(t *testing.T, networks, ip string) {
		a, err := Parse(ip)
		if err != nil {
			return
		}
		if again, err := Parse(a.String()); again != a || err != nil {
			t.Errorf("%q is %s, and that is %v, %v", ip, a, again, err)
		}
		var set Set
		want := false
		for _, text := range strings.Fields(networks) {
			p, err := ParseNetwork(text)
			if err != nil {
				continue
			}
			set.Add(p)
			want = want || p.Contains(a)
		}
		if set.Contains(a) != want {
			t.Errorf("%s in %s: %v", a, networks, !want)
		}
	})
}

func BenchmarkContains(b *testing.B) {
	var set Set
	for i := range 100_000 {
		set.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i)}), 24))
	}
	a := netip.MustParseAddr("1.2.3.4")
	for b.Loop() {
		if !set.Contains(a) {
			b.Fatal("it is not in the set")
		}
	}
}
