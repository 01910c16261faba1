package outbound

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Policy says which addresses may be connected to. Without rules it allows all but link-local
// and special ones, which are those of metadata services: what is there is for the machine, not
// for who gives a script a URL. nil allows all. It does not change; any goroutine may call its
// methods.
type Policy struct {
	rules []Rule
}

// NewPolicy returns the policy that allows what one of the rules does. Any goroutine
// may call it.
func NewPolicy(rules ...Rule) *Policy { return &Policy{rules: rules} }

// ParsePolicy returns the policy of rules as ParseRule reads them. Any goroutine may
// call it.
func ParsePolicy(rules []string) (*Policy, error) {
	p := &Policy{}
	for _, text := range rules {
		r, err := ParseRule(text)
		if err != nil {
			return nil, err
		}
		p.rules = append(p.rules, r)
	}
	return p, nil
}

// open reports whether there are no rules, which have to name what may be connected to.
func (p *Policy) open() bool { return len(p.rules) == 0 }

// trust is how far a name's rule reaches: which addresses the name may lead to.
type trust int

const (
	trustNone      trust = iota // no rule names it: addresses that a prefix allows
	trustWildcard               // … and public addresses
	trustHost                   // … and private addresses
	trustLocalhost              // … or instead of both, loopback
	trustOpen                   // there are no rules: all but link-local and special ones
)

// admit judges a host name, or an address, and a port before anything is looked up. The
// trust is what allows needs to judge the address of the connection.
func (p *Policy) admit(host string, port uint16) (trust, error) {
	if p == nil {
		return trustNone, nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(host); err == nil {
		if p.open() {
			if k := kindOf(a); k == kindLocal {
				return trustOpen, p.refuse("%s is a %s address: it needs a rule of its own in allow net", hostPort(host, port), k)
			}
			return trustOpen, nil
		}
		if !p.allowsAddr(a, port) {
			return trustNone, p.refuse("%s is not in the rules of allow net", hostPort(host, port))
		}
		return trustNone, nil
	}
	if p.open() {
		return trustOpen, nil
	}
	t, prefixes := trustNone, false
	for _, r := range p.rules {
		switch {
		case !r.hasPort(port):
		case r.prefix.IsValid():
			prefixes = true
		case r.matchesName(host):
			t = max(t, r.trust())
		}
	}
	if t == trustNone && !prefixes {
		return t, p.refuse("%s is not in the rules of allow net", hostPort(host, port))
	}
	return t, nil
}

// CheckURL returns an error where no connection to the host of a URL is allowed, wherever its name may
// lead. Any goroutine may call it.
func (p *Policy) CheckURL(u *url.URL) error {
	host, text := dialled(u)
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("%q is no port", text)
	}
	_, err = p.admit(host, uint16(port))
	return err
}

// allows judges the address of a connection to be made for a host that was admitted
// with t.
func (p *Policy) allows(t trust, host string, to netip.AddrPort) error {
	if p == nil || p.allowsAddr(to.Addr(), to.Port()) {
		return nil
	}
	kind := kindOf(to.Addr())
	switch t {
	case trustNone:
		return p.refuse("%s leads to %s, which is not in the rules of allow net", host, to)
	case trustOpen:
		if kind != kindLocal {
			return nil
		}
	case trustLocalhost:
		if kind == kindLoopback {
			return nil
		}
	case trustHost:
		if kind == kindPublic || kind == kindPrivate {
			return nil
		}
	case trustWildcard:
		if kind == kindPublic {
			return nil
		}
	}
	return p.refuse("%s leads to %s, a %s address: it needs a rule of its own in allow net", host, to, kind)
}

// allowsAddr reports whether a rule for addresses has this one.
func (p *Policy) allowsAddr(a netip.Addr, port uint16) bool {
	a = a.Unmap().WithZone("")
	for _, r := range p.rules {
		if r.prefix.IsValid() && r.prefix.Contains(a) && r.hasPort(port) {
			return true
		}
	}
	return false
}

func (p *Policy) refuse(format string, args ...any) error {
	return &Error{Step: StepForbidden, Err: fmt.Errorf(format, args...)}
}

func (r Rule) trust() trust {
	switch {
	case r.wildcard:
		return trustWildcard
	case r.name == "localhost":
		return trustLocalhost
	default:
		return trustHost
	}
}

func hostPort(host string, port uint16) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(port))
}

// kind is a kind of address, from what is open to all to what no name may lead to.
type kind int

const (
	kindPublic kind = iota
	kindPrivate
	kindLoopback
	kindLocal
)

func (k kind) String() string {
	return [...]string{"public", "private", "loopback", "link-local or special"}[k]
}

// special are the prefixes whose kind net/netip does not know.
var special = []struct {
	prefix netip.Prefix
	kind   kind
}{
	// Cloud metadata services that are not link-local: Amazon's, Google's, Oracle's two,
	// Scaleway's, Alibaba's, and Azure's host agent.
	{netip.MustParsePrefix("fd00:ec2::/32"), kindLocal},
	{netip.MustParsePrefix("fd20:ce::/32"), kindLocal},
	{netip.MustParsePrefix("fd00:c1::/32"), kindLocal},
	{netip.MustParsePrefix("192.0.0.192/32"), kindLocal},
	{netip.MustParsePrefix("fd00:42::/32"), kindLocal},
	{netip.MustParsePrefix("100.100.100.200/32"), kindLocal},
	{netip.MustParsePrefix("168.63.129.16/32"), kindLocal},

	{netip.MustParsePrefix("0.0.0.0/8"), kindLocal}, // this network; Linux takes 0.x for here
	{netip.MustParsePrefix("240.0.0.0/4"), kindLocal},
	{netip.MustParsePrefix("100.64.0.0/10"), kindPrivate}, // carrier NAT, and many overlays
	{netip.MustParsePrefix("192.0.0.0/24"), kindPrivate},
	{netip.MustParsePrefix("198.18.0.0/15"), kindPrivate},
	{netip.MustParsePrefix("fec0::/10"), kindPrivate}, // site-local
	{netip.MustParsePrefix("2001::/32"), kindPrivate}, // Teredo
	{netip.MustParsePrefix("64:ff9b:1::/48"), kindPrivate},
}

// embedded are the prefixes of IPv6 addresses that stand for an IPv4 address, and where in the 16
// bytes its four are.
var embedded = []struct {
	prefix netip.Prefix
	at     [4]int
	flip   byte // of each byte
}{
	{prefix: netip.MustParsePrefix("64:ff9b::/96"), at: last4},                   // NAT64
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: last4},                 // NAT64 of a site, with a /96
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{6, 7, 9, 10}},   // and with a /48
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{7, 9, 10, 11}},  // and with a /56
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{9, 10, 11, 12}}, // and with a /64
	{prefix: netip.MustParsePrefix("2002::/16"), at: [4]int{2, 3, 4, 5}},         // 6to4
	{prefix: netip.MustParsePrefix("2001::/32"), at: last4, flip: 0xff},          // Teredo
	{prefix: netip.MustParsePrefix("::/96"), at: last4},                          // IPv4-compatible
	{prefix: netip.MustParsePrefix("::ffff:0:0:0/96"), at: last4},                // IPv4-translated
}

var last4 = [4]int{12, 13, 14, 15}

// IsPublic reports whether an address is none that is private or special, and stands for none.
func IsPublic(a netip.Addr) bool { return kindOf(a) == kindPublic }

// kindOf returns the kind of an address. One that may stand for others has the most closed of
// all their kinds.
func kindOf(a netip.Addr) kind {
	a = a.Unmap().WithZone("")
	if a.IsLoopback() {
		return kindLoopback
	}
	if a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return kindLocal
	}
	k := kindPublic
	if a.IsPrivate() {
		k = kindPrivate
	}
	for _, s := range special {
		if s.prefix.Contains(a) {
			k = max(k, s.kind)
		}
	}
	b := a.As16()
	for _, e := range embedded {
		if e.prefix.Contains(a) {
			k = max(k, kindOf(v4At(b, e.at, e.flip)))
		}
	}
	if isISATAP(a, b) {
		k = max(k, kindOf(v4At(b, last4, 0)))
	}
	return k
}

func v4At(b [16]byte, at [4]int, flip byte) netip.Addr {
	return netip.AddrFrom4([4]byte{b[at[0]] ^ flip, b[at[1]] ^ flip, b[at[2]] ^ flip, b[at[3]] ^ flip})
}

// isISATAP reports whether an address, whose bytes are b, has an interface that is an IPv4 address
// below its prefix (RFC 5214).
func isISATAP(a netip.Addr, b [16]byte) bool {
	return a.Is6() && b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}
