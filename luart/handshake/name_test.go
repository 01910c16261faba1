package handshake

import (
	"net"
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Join([]string{label, label, label, label[:61]}, ".")
	for in, want := range map[string]string{
		"example.com":       "example.com",
		"EXAMPLE.Com":       "example.com",
		"example.com.":      "example.com",
		"bücher.example":    "xn--bcher-kva.example",
		"xn--bcher-kva.de":  "xn--bcher-kva.de",
		"localhost":         "localhost",
		"10.0.0.1":          "10.0.0.1",
		"::ffff:10.0.0.1":   "10.0.0.1",
		"2001:DB8:0:0::1":   "2001:db8::1",
		"fe80::1%eth0":      "fe80::1",
		long:                long,
		"":                  "",
		".":                 "",
		"..":                "",
		"example.com..":     "",
		".example.com":      "",
		"a..b":              "",
		"*.example.com":     "",
		"a b.com":           "",
		" example.com":      "",
		"a\x00.com":         "",
		"a\n.com":           "",
		"a/../b":            "",
		"a:443":             "",
		"[::1]":             "",
		"\xff\xfe":          "",
		"a_b.example.com":   "",
		"-a.example.com":    "",
		long + "a":          "",
		label + "a.example": "",
	} {
		got, err := Name(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// A name in normal form is its own normal form, or one name could have two answers.
func FuzzName(f *testing.F) {
	for _, s := range []string{"example.com", "BÜCHER.de.", "::ffff:1.2.3.4", "fe80::1%a", "ς.gr", "a。b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := Name(s)
		if err != nil {
			return
		}
		if again, err := Name(name); again != name || err != nil {
			t.Errorf("%q: %q, then %q, %v", s, name, again, err)
		}
	})
}

type conn struct {
	net.Conn
	addr net.Addr
}

func (c conn) LocalAddr() net.Addr { return c.addr }

func TestLocalName(t *testing.T) {
	for _, tt := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 443}, "10.0.0.1"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 443}, "fe80::1"},
		{&net.UnixAddr{Name: "/run/x.sock"}, ""},
	} {
		if got, ok := LocalName(conn{addr: tt.addr}); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%v: %q, %v", tt.addr, got, ok)
		}
	}
	if _, ok := LocalName(nil); ok {
		t.Error("a name without a connection")
	}
}
