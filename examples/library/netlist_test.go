package netlist

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-rover/rover/luart/libtest"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The functions, in a VM as Rover has them.
func TestFunctions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.txt")
	write(t, file, "10.0.0.0/8\n10.1.0.0/16 # inside\n192.0.2.7\n2001:db8::/32\n")
	n := &Netlist{Lists: map[string]string{"x": file}}
	if err := n.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	l := n.Library()
	l.Name = "netlist"
	vm := libtest.New(t, l)
	vm.Expect(t, `return rover.netlist.find("x", "10.1.2.3"), rover.netlist.find("x", "10.2.0.1")`, "10.1.0.0/16 | 10.0.0.0/8")
	vm.Expect(t, `return rover.netlist.find("x", "::ffff:192.0.2.7"), rover.netlist.find("x", "192.0.2.8")`, "192.0.2.7/32 | nil")
	vm.Expect(t, `return rover.netlist.find("x", "2001:db8::1%eth0")`, "2001:db8::/32")
	vm.Expect(t, `return rover.netlist.hits("x")`, "4")
	vm.Expect(t, `rover.netlist.find("y", "10.0.0.1")`, `error: chunk:1: bad argument #1 to find (there is no list "y": the Caddyfile names them in library netlist)`)
	vm.Expect(t, `rover.netlist.find("x", "ten")`, `error: chunk:1: bad argument #2 to find (an IP address expected, got "ten")`)

	write(t, file, "172.16.0.0/12\n")
	vm.Expect(t, `return rover.netlist.refresh("x"), rover.netlist.find("x", "10.1.2.3"), rover.netlist.find("x", "172.16.0.1")`, "1 | nil | 172.16.0.0/12")
	write(t, file, "172.16.0.0/12\n172.300.0.0/12\n")
	vm.Expect(t, `return rover.netlist.refresh("x")`, "nil | "+file+`:2: an address or a prefix expected, got "172.300.0.0/12"`)
	vm.Expect(t, `return rover.netlist.find("x", "172.16.0.1")`, "172.16.0.0/12")
}

// What the Caddyfile may say.
func TestUnmarshalCaddyfile(t *testing.T) {
	for input, want := range map[string]string{
		"netlist {\n list a a.txt\n list b /b.txt\n}": "",
		"netlist":               "",
		"netlist x":             "wrong argument count or unexpected line ending after 'x', at Testfile:1",
		"netlist {\n list a\n}": "wrong argument count or unexpected line ending after 'a', at Testfile:2",
		"netlist {\n list a a.txt\n list a b.txt\n}": "list 'a' given twice, at Testfile:3",
		"netlist {\n lists a\n}":                     "unrecognized subdirective 'lists' of netlist, at Testfile:2",
	} {
		err := new(Netlist).UnmarshalCaddyfile(caddyfile.NewTestDispenser(input))
		if got := ""; err != nil {
			if got = err.Error(); got != want {
				t.Errorf("%s: error %q, want %q", input, got, want)
			}
		} else if want != "" {
			t.Errorf("%s: no error, want %q", input, want)
		}
	}
}
