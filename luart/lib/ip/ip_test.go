package ip_test

import (
	"testing"

	"github.com/caddy-rover/rover/luart/lib/ip"
	"github.com/caddy-rover/rover/luart/libtest"
)

func TestIP(t *testing.T) {
	vm := libtest.New(t, ip.Library)
	for _, c := range []struct{ chunk, want string }{
		{`return rover.ip.parse("::ffff:10.0.0.1")`, "10.0.0.1 | 4"},
		{`return rover.ip.parse("2001:DB8::1")`, "2001:db8::1 | 6"},
		{`return rover.ip.parse("fe80::1%eth0")`, `nil | "fe80::1%eth0" has a zone, which only the machine knows that wrote it`},
		{`return rover.ip.parse("a")`, `nil | "a" is no IP address`},
		{`rover.ip.parse {}`, `error: chunk:1: bad argument #1 to parse (string expected, got table)`},
		{`local ok, e = pcall(rover.ip.is_private, "a") return ok, e.status, e.message`, `false | 400 | "a" is no IP address`},

		{`return rover.ip.network("10.1.2.3"), rover.ip.network("10.1.2.3", 16), rover.ip.network("10.1.2.3", 0, 0), rover.ip.network("::ffff:10.1.2.3", 24)`, "10.1.2.3/32 | 10.1.0.0/16 | 0.0.0.0/0 | 10.1.2.0/24"},
		{`return rover.ip.network("2001:db8:1:2:3::4"), rover.ip.network("2001:db8:1:2:3::4", 24, 48), rover.ip.network("::1", nil, 128)`, "2001:db8:1:2::/64 | 2001:db8:1::/48 | ::1/128"},
		{`rover.ip.network("10.1.2.3", 33)`, `error: chunk:1: bad argument #2 to network (bits of a network from 0 to 32 expected, got 33)`},
		{`rover.ip.network("10.1.2.3", 24, 129)`, `error: chunk:1: bad argument #3 to network (bits of a network from 0 to 128 expected, got 129)`},
		{`return select(2, pcall(rover.ip.network, "10.1.2.3:80")).status`, "400"},

		{`local s = rover.ip.set { "10.0.0.0/8", "::1", "10.0.0.0/8" } return s:contains("10.255.0.1"), s:contains("::ffff:10.0.0.1"), s:contains("11.0.0.1"), s:contains("::1"), s:contains("::2"), s:len()`, "true | true | false | true | false | 2"},
		{`local s = rover.ip.set {} return s:contains("10.0.0.1"), s:len(), tostring(s)`, "false | 0 | address set"},
		{`return select(2, pcall(function() return rover.ip.set({}):contains("x") end)).status`, "400"},
		{`rover.ip.set { "10.0.0.1/8" }`, `error: chunk:1: bad argument #1 to set (network 1: "10.0.0.1/8" has bits beyond its length: did you mean 10.0.0.0/8?)`},
		{`rover.ip.set { "::1", 10 }`, `error: chunk:1: bad argument #1 to set (network 2: a string expected, got a number)`},
		{`rover.ip.set { office = "::1" }`, `error: chunk:1: bad argument #1 to set (a list of networks expected, it has the key office)`},
		{`rover.ip.set "::1"`, `error: chunk:1: bad argument #1 to set (table expected, got string)`},
		{`local t = {} for i = 1, 100001 do t[i] = "::1" end rover.ip.set(t)`, `error: chunk:1: bad argument #1 to set (a list of 100000 networks at most expected, got 100001)`},
		{`local t = {} for i = 1, 10000 do t[i] = ("10.%d.%d.0/24"):format(i / 256, i % 256) end local s = rover.ip.set(t) return s:len(), s:contains("10.39.16.4"), s:contains("10.39.17.1")`, "10000 | true | false"},

		{`local i = rover.ip return i.is_private "192.168.0.1", i.is_private "fd00::1", i.is_private "172.32.0.1", i.is_private "::ffff:10.0.0.1"`, "true | true | false | true"},
		{`local i = rover.ip return i.is_loopback "127.9.9.9", i.is_loopback "::1", i.is_loopback "128.0.0.1", i.is_multicast "224.0.0.1", i.is_multicast "1.1.1.1"`, "true | true | false | true | false"},
		{`local i = rover.ip return i.is_link_local "169.254.169.254", i.is_link_local "fe80::1", i.is_link_local "ff02::1", i.is_link_local "ff0e::1"`, "true | true | true | false"},
		{`local all = {} for _, a in ipairs { "1.1.1.1", "2606:4700::1111", "10.0.0.1", "100.64.0.1", "0.0.0.0", "255.255.255.255", "192.0.2.1", "2001:db8::1", "64:ff9b::a00:1", "2002:7f00:1::", "::ffff:1.1.1.1", "224.0.0.1", "::" } do all[#all + 1] = rover.ip.is_global(a) and "y" or "n" end return table.concat(all)`, "yynnnnnnnnynn"},
	} {
		got, err := vm.Eval(t.Context(), c.chunk)
		if err != nil || got != c.want {
			t.Errorf("%s\n got %s, %v\nwant %s", c.chunk, got, err, c.want)
		}
	}
}
