package outbound

import (
	"strings"
	"testing"
)

func TestParseRule(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"api.example.com", "api.example.com"},
		{"API.Example.com:443", "api.example.com:443"},
		{"localhost", "localhost"},
		{"my_service", "my_service"},
		{"xn--mnchen-3ya.de", "xn--mnchen-3ya.de"},
		{"1password.com", "1password.com"},
		{"*.example.com", "*.example.com"},
		{"*.example.com:8080", "*.example.com:8080"},
		{"10.1.2.3", "10.1.2.3"},
		{"10.1.2.3:65535", "10.1.2.3:65535"},
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"10.0.0.0/8:80", "10.0.0.0/8:80"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"::1", "::1"},
		{"[::1]", "::1"},
		{"[::1]:80", "[::1]:80"},
		{"fd00::/8", "fd00::/8"},
		{"[fd00::/8]:80", "[fd00::/8]:80"},
		{"::ffff:10.1.2.3", "10.1.2.3"},
		{"10.1.2.3/32", "10.1.2.3"},

		{"", "error: rule '': a host name, an IP address or a prefix expected"},
		{"*", "error: rule '*': a '*' stands only at the beginning and for whole names, as in *.example.com; without rules every address is allowed"},
		{"a.*.com", "error: rule 'a.*.com': a '*' stands only at the beginning and for whole names, as in *.example.com; without rules every address is allowed"},
		{"*a.com", "error: rule '*a.com': a '*' stands only at the beginning and for whole names, as in *.example.com; without rules every address is allowed"},
		{"*.", "error: rule '*.': a host name, an IP address or a prefix expected"},
		{"https://example.com", "error: rule 'https://example.com': a host without a scheme expected"},
		{"example.com/x", "error: rule 'example.com/x': an address and a prefix length expected, as in 10.0.0.0/8"},
		{"example.com.", "error: rule 'example.com.': a host name without a dot at its end expected"},
		{"a..b", "error: rule 'a..b': between the dots of a host name are 1 to 63 characters"},
		{strings.Repeat("a", 64) + ".b", "error: rule '" + strings.Repeat("a", 64) + ".b': between the dots of a host name are 1 to 63 characters"},
		{"münchen.de", "error: rule 'münchen.de': a host name is ASCII: write an internationalized one in its xn-- form"},
		{"a b", "error: rule 'a b': a host name cannot contain ' '"},
		{"example.com:", "error: rule 'example.com:': a port expected after ':'"},
		{"example.com:http", "error: rule 'example.com:http': port 'http' is not a number from 1 to 65535"},
		{"example.com:0", "error: rule 'example.com:0': port '0' is not a number from 1 to 65535"},
		{"example.com:080", "error: rule 'example.com:080': port '080' is not a number from 1 to 65535"},
		{"example.com:65536", "error: rule 'example.com:65536': port '65536' is not a number from 1 to 65535"},
		{"[::1", "error: rule '[::1': missing ']'"},
		{"[::1]80", "error: rule '[::1]80': a port expected after ']:'"},
		{"[::1]:", "error: rule '[::1]:': a port expected after ']:'"},
		{"[10.0.0.1]:80", "error: rule '[10.0.0.1]:80': only an IPv6 address stands in brackets"},
		{"fe80::1%eth0", "error: rule 'fe80::1%eth0': an address with a zone cannot be allowed"},
		{"127.1", "error: rule '127.1': neither an IP address nor a host name"},
		{"0x7f000001", "error: rule '0x7f000001': neither an IP address nor a host name"},
		{"2130706433", "error: rule '2130706433': neither an IP address nor a host name"},
		{"*.10", "error: rule '*.10': neither an IP address nor a host name"},
		{"10.0.0.256", "error: rule '10.0.0.256': neither an IP address nor a host name"},
		{"10.0.0.1/8", "error: rule '10.0.0.1/8': the address goes on behind the prefix: 10.0.0.0/8 is meant, or one address without a length"},
		{"10.0.0.0/33", "error: rule '10.0.0.0/33': an address and a prefix length expected, as in 10.0.0.0/8"},
		{"::ffff:10.0.0.0/104", "error: rule '::ffff:10.0.0.0/104': write an IPv4 prefix as such, as in 10.0.0.0/8"},
	} {
		r, err := ParseRule(test.text)
		got := r.String()
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != test.want {
			t.Errorf("%q:\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

// Whatever is accepted says something, and its text says the same again.
func FuzzParseRule(f *testing.F) {
	for _, s := range []string{"a.b:80", "*.a", "10.0.0.0/8:1", "[::1]:80", "[fd00::/8]:1", "::ffff:1.2.3.4", "127.1", "a:b:c", "]["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRule(text)
		if err != nil {
			if r != (Rule{}) {
				t.Errorf("%q: %v beside an error", text, r)
			}
			return
		}
		if r == (Rule{}) {
			t.Errorf("%q: accepted, but empty", text)
		}
		again, err := ParseRule(r.String())
		if err != nil || again != r {
			t.Errorf("%q: %v becomes %v, %v", text, r, again, err)
		}
		if r.prefix.IsValid() == (r.name != "") {
			t.Errorf("%q: %#v is both or neither", text, r)
		}
	})
}
