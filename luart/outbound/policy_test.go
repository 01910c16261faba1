package outbound

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// Every line: the rules, the host and port in the URL, the address it leads to, and
// what becomes of it.
func TestPolicy(t *testing.T) {
	const (
		unnamed = "is not in the rules"
		leads   = "which is not in the rules"
		special = "it needs a rule of its own"
	)
	for _, test := range []struct{ rules, host, to, want string }{
		// Without rules.
		{"", "localhost:80", "127.0.0.1:80", ""},
		{"", "10.0.0.1:80", "10.0.0.1:80", ""},
		{"", "[::ffff:10.0.0.1]:80", "[::ffff:10.0.0.1]:80", ""},
		{"", "api.test:80", "8.8.8.8:80", ""},
		{"", "api.test:80", "[2002:808:808::1]:80", ""},
		{"", "api.test:80", "169.254.169.254:80", special},
		{"", "api.test:80", "[fe80::1%eth0]:80", special},
		{"", "api.test:80", "[64:ff9b::a9fe:a9fe]:80", special},
		{"", "api.test:80", "[::ffff:169.254.169.254]:80", special},

		// Names.
		{"api.test", "api.test:80", "8.8.8.8:80", ""},
		{"api.test", "API.test:80", "8.8.8.8:80", ""},
		{"api.test", "api.test.:80", "8.8.8.8:80", ""},
		{"api.test", "x.api.test:80", "", unnamed},
		{"api.test", "xapi.test:80", "", unnamed},
		{"api.test", "8.8.8.8:80", "", unnamed},
		{"api.test:443", "api.test:443", "8.8.8.8:443", ""},
		{"api.test:443", "api.test:80", "", unnamed},
		{"*.test", "a.test:80", "8.8.8.8:80", ""},
		{"*.test", "a.b.test:80", "8.8.8.8:80", ""},
		{"*.test", "test:80", "", unnamed},
		{"*.test", "atest:80", "", unnamed},
		{"*.test", ".test:80", "", unnamed},
		{"*.test:1", "a.test:80", "", unnamed},

		// Where an exact name may lead.
		{"api.test", "api.test:80", "10.1.2.3:80", ""},
		{"api.test", "api.test:80", "192.168.1.1:80", ""},
		{"api.test", "api.test:80", "100.64.1.1:80", ""},
		{"api.test", "api.test:80", "[fd00::1]:80", ""},
		{"api.test", "api.test:80", "[2606:4700::1]:80", ""},
		{"api.test", "api.test:80", "127.0.0.1:80", special},
		{"api.test", "api.test:80", "127.8.8.8:80", special},
		{"api.test", "api.test:80", "[::1]:80", special},
		{"api.test", "api.test:80", "[::ffff:127.0.0.1]:80", special},
		{"api.test", "api.test:80", "0.0.0.0:80", special},
		{"api.test", "api.test:80", "0.1.2.3:80", special},
		{"api.test", "api.test:80", "[::]:80", special},
		{"api.test", "api.test:80", "169.254.169.254:80", special},
		{"api.test", "api.test:80", "[fe80::1%eth0]:80", special},
		{"api.test", "api.test:80", "[fd00:ec2::254]:80", special},
		{"api.test", "api.test:80", "100.100.100.200:80", special},
		{"api.test", "api.test:80", "168.63.129.16:80", special},
		{"api.test", "api.test:80", "224.0.0.1:80", special},
		{"api.test", "api.test:80", "255.255.255.255:80", special},
		{"api.test", "api.test:80", "[ff02::1]:80", special},
		{"api.test", "api.test:80", "[64:ff9b::7f00:1]:80", special},    // NAT64 of 127.0.0.1
		{"api.test", "api.test:80", "[64:ff9b::a9fe:a9fe]:80", special}, // of 169.254.169.254
		{"api.test", "api.test:80", "[64:ff9b::808:808]:80", ""},        // of 8.8.8.8
		{"api.test", "api.test:80", "[2002:7f00:1::1]:80", special},     // 6to4 of 127.0.0.1
		{"api.test", "api.test:80", "[::7f00:1]:80", special},           // IPv4-compatible
		{"api.test", "api.test:80", "[64:ff9b::c0a8:101]:80", ""},       // of 192.168.1.1
		{"*.test", "a.test:80", "[64:ff9b::c0a8:101]:80", special},
		{"*.test", "a.test:80", "[2001:0:5ef5:79fd::1]:80", special},   // Teredo
		{"api.test", "api.test:80", "[2001:db8::5efe:808:808]:80", ""}, // ISATAP of 8.8.8.8
		{"*.test", "a.test:80", "10.1.2.3:80", special},                // a wildcard is no trust
		{"*.test", "a.test:80", "172.16.0.1:80", special},
		{"*.test", "a.test:80", "[fd00::1]:80", special},
		{"*.test", "a.test:80", "100.64.1.1:80", special},
		{"*.test", "a.test:80", "127.0.0.1:80", special},
		{"*.test a.test", "a.test:80", "10.1.2.3:80", ""},        // the stronger rule holds
		{"*.test:1 a.test:2", "a.test:1", "10.1.2.3:1", special}, // for its own port
		{"localhost", "localhost:80", "127.0.0.1:80", ""},
		{"localhost", "localhost:80", "[::1]:80", ""},
		{"localhost", "localhost:80", "10.1.2.3:80", special},
		{"localhost", "localhost:80", "8.8.8.8:80", special},
		{"localhost", "127.0.0.1:80", "", unnamed},
		{"localhost a.test", "a.test:80", "127.0.0.1:80", special},
		{"*.localhost", "a.localhost:80", "127.0.0.1:80", special},
		{"a.test 127.0.0.0/8", "a.test:80", "127.0.0.1:80", ""}, // a rule of its own
		{"*.test 10.0.0.0/8", "a.test:80", "10.1.2.3:80", ""},
		{"*.test 10.0.0.0/8:81", "a.test:80", "10.1.2.3:80", special}, // for another port
		{"10.0.0.0/8", "10.1.2.3:80", "10.1.2.3:80", ""},              // addresses
		{"10.0.0.0/8", "11.1.2.3:80", "", unnamed},
		{"10.0.0.0/8:81", "10.1.2.3:80", "", unnamed},
		{"10.1.2.3:80", "10.1.2.3:80", "10.1.2.3:80", ""},
		{"10.1.2.3", "[::ffff:10.1.2.3]:80", "[::ffff:10.1.2.3]:80", ""},
		{"[::1]:80", "[::1]:80", "[::1]:80", ""},
		{"[::1]:80", "[::1]:81", "", unnamed},
		{"fe80::/10", "[fe80::1%eth0]:80", "[fe80::1%eth0]:80", ""},
		{"10.0.0.0/8", "any.test:80", "10.1.2.3:80", ""}, // a name may lead to them
		{"10.0.0.0/8", "any.test:80", "8.8.8.8:80", leads},
		{"10.0.0.0/8:81", "any.test:80", "", unnamed},
		{"0.0.0.0/0", "169.254.169.254:80", "169.254.169.254:80", ""}, // who says it gets it
		{"0.0.0.0/0", "[::1]:80", "", unnamed},
	} {
		p, err := ParsePolicy(strings.Fields(test.rules))
		if err != nil {
			t.Fatal(err)
		}
		host, port, ok := strings.Cut(test.host, "]:")
		if host = strings.TrimPrefix(host, "["); !ok {
			host, port, _ = strings.Cut(test.host, ":")
		}
		n, err := parsePort(port)
		if err != nil {
			t.Fatal(err)
		}
		trust, err := p.admit(host, n)
		if err == nil && test.to != "" {
			err = p.allows(trust, host, netip.MustParseAddrPort(test.to))
		} else if (err == nil) != (test.to != "") {
			t.Errorf("%q, %s: admitted: %v", test.rules, test.host, err)
			continue
		}
		switch {
		case err == nil && test.want != "", err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%q, %s to %s: got %v, want %q", test.rules, test.host, test.to, err, test.want)
		case err != nil && !strings.HasPrefix(err.Error(), "forbidden: "):
			t.Errorf("%q, %s: %v", test.rules, test.host, err)
		}
	}
	if _, err := (*Policy)(nil).admit("169.254.169.254", 80); err != nil {
		t.Error(err)
	}
}

// Without rules, metadata services and what is link-local are refused however they are written, as
// soon as it is known that a URL means them.
func TestPolicyOpenRefusesSpecial(t *testing.T) {
	p := NewPolicy()
	for _, address := range []string{
		"169.254.169.254", "169.254.170.2", "169.254.0.23", "fe80::1", "fe80::1%eth0", "febf::1",
		"fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42",
		"100.100.100.200", "168.63.129.16", "192.0.0.192",
		"0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255",
		"::ffff:169.254.169.254", "::ffff:100.100.100.200", // IPv4-mapped
		"::169.254.169.254",              // IPv4-compatible
		"::ffff:0:169.254.169.254",       // IPv4-translated
		"64:ff9b::169.254.169.254",       // NAT64
		"64:ff9b:1::169.254.169.254",     // NAT64 of a site: /96
		"64:ff9b:1:a9fe:a9:fe00::",       // /48
		"64:ff9b:1:00a9:fe:a9fe::",       // /56
		"64:ff9b:1:0:a9:fea9:fe00:0",     // /64
		"2002:a9fe:a9fe::1",              // 6to4
		"2002:6464:64c8::",               // 6to4 of 100.100.100.200
		"2001:0:808:808::5601:5601",      // Teredo
		"2001:db8::5efe:169.254.169.254", // ISATAP
		"2001:db8::200:5efe:a9fe:a9fe",   // ISATAP of a unique address
	} {
		if _, err := p.admit(address, 80); err == nil || !strings.HasPrefix(err.Error(), "forbidden: ") {
			t.Errorf("%s: %v", address, err)
		}
		to := netip.AddrPortFrom(netip.MustParseAddr(address), 80)
		if err := p.allows(trustOpen, "a.test", to); err == nil {
			t.Errorf("a name may lead to %s", address)
		}
		if err := (&Policy{rules: []Rule{{prefix: netip.MustParsePrefix(onlyOf(to.Addr()))}}}).allows(trustNone, address, to); err != nil {
			t.Errorf("%s with a rule: %v", address, err)
		}
	}
}

// onlyOf is the prefix with just one address.
func onlyOf(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()).String()
}

// TestPolicyCheckURL shows what is known of a URL before a name is looked up.
func TestPolicyCheckURL(t *testing.T) {
	for _, test := range []struct{ rules, url, want string }{
		{"", "https://login.example/keys", ""},
		{"", "http://169.254.169.254/keys", "needs a rule of its own"},
		{"login.example", "https://login.example/keys", ""},
		{"login.example", "https://LOGIN.example./keys", ""},
		{"login.example", "https://other.example/keys", "other.example:443 is not in the rules of allow net"},
		{"login.example:443", "https://login.example:8443/keys", "login.example:8443 is not in the rules"},
		{"login.example:80", "http://login.example/keys", ""},
		{"10.0.0.0/8", "https://login.example/keys", ""}, // it may lead there
		{"10.0.0.0/8", "https://10.1.2.3/keys", ""},
		{"10.0.0.0/8", "https://192.0.2.1/keys", "192.0.2.1:443 is not in the rules"},
		{"login.example", "https://login.example:99999/keys", "is no port"},
	} {
		policy, err := ParsePolicy(strings.Fields(test.rules))
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		err = policy.CheckURL(u)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q %s: got %v, want %q", test.rules, test.url, err, test.want)
		}
	}
}
