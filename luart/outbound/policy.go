package outbound

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Policy says which addresses may be connected to. Without rules, and nil, it allows
// all of them. It does not change; any goroutine may call its methods.
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

func (p *Policy) any() bool { return p == nil || len(p.rules) == 0 }

// trust is how far a name's rule reaches: which addresses the name may lead to.
type trust int

const (
	trustNone      trust = iota // no rule names it: addresses that a prefix allows
	trustWildcard               // … and public addresses
	trustHost                   // … and private addresses
	trustLocalhost              // … or instead of both, loopback
)

// admit judges a host name, or an address, and a port before anything is looked up. The
// trust is what allows needs to judge the address of the connection.
func (p *Policy) admit(host string, port uint16) (trust, error) {
	if p.any() {
		return trustNone, nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(host); err == nil {
		if !p.allowsAddr(a, port) {
			return trustNone, p.refuse("%s is not in the rules of allow net", hostPort(host, port))
		}
		return trustNone, nil
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

// allows judges the address of a connection to be made for a host that was admitted
// with t.
func (p *Policy) allows(t trust, host string, to netip.AddrPort) error {
	if p.any() || p.allowsAddr(to.Addr(), to.Port()) {
		return nil
	}
	kind := kindOf(to.Addr())
	switch t {
	case trustNone:
		return p.refuse("%s leads to %s, which is not in the rules of allow net", host, to)
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
	// Cloud metadata services that are not link-local: Amazon's, Alibaba's, and
	// Azure's host agent.
	{netip.MustParsePrefix("fd00:ec2::/32"), kindLocal},
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

// embedded are the prefixes of IPv6 addresses that stand for an IPv4 address, and where
// in the 16 bytes it is.
var embedded = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4
	{netip.MustParsePrefix("::/96"), 12},        // IPv4-compatible
}

func kindOf(a netip.Addr) kind {
	a = a.Unmap().WithZone("")
	if a.IsLoopback() {
		return kindLoopback
	}
	if a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return kindLocal
	}
	for _, e := range embedded {
		if e.prefix.Contains(a) {
			b := a.As16()
			return kindOf(netip.AddrFrom4([4]byte(b[e.at : e.at+4])))
		}
	}
	for _, s := range special {
		if s.prefix.Contains(a) {
			return s.kind
		}
	}
	if a.IsPrivate() {
		return kindPrivate
	}
	return kindPublic
}
