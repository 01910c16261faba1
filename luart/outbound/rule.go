package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Rule says what may be connected to: a host name, all names below a domain, an IP
// address or a prefix, each with one port or with any. The zero Rule matches nothing.
type Rule struct {
	name     string       // lower case; of a wildcard the domain, with a dot before it
	wildcard bool         // name is what names must end with
	prefix   netip.Prefix // valid if the rule is about addresses
	port     uint16       // 0: any
}

// ParseRule returns the rule that text says:
//
//	api.example.com      api.example.com:443
//	*.example.com        *.example.com:443      (not example.com itself)
//	10.1.2.3             10.1.2.3:80
//	10.0.0.0/8           10.0.0.0/8:80
//	::1, [::1]           [::1]:80
//	fd00::/8             [fd00::/8]:80
//
// Names are compared without regard to case, and are ASCII: internationalized ones are
// written in their xn-- form. Any goroutine may call it.
func ParseRule(text string) (Rule, error) {
	r, err := parseRule(text)
	if err != nil {
		return Rule{}, fmt.Errorf("rule '%s': %w", text, err)
	}
	return r, nil
}

func parseRule(text string) (Rule, error) {
	var r Rule
	host, port, err := splitPort(text)
	if err != nil {
		return r, err
	}
	if r.port, err = parsePort(port); err != nil {
		return r, err
	}
	if strings.ContainsAny(host, ":/") || looksNumeric(host) {
		r.prefix, err = parsePrefix(host)
		return r, err
	}
	host = strings.ToLower(host)
	r.name, r.wildcard = strings.CutPrefix(host, "*.")
	if err := checkName(r.name); err != nil {
		return r, err
	}
	if r.wildcard {
		r.name = "." + r.name
	}
	return r, nil
}

// splitPort separates the port from a rule; it is empty where there is none.
func splitPort(text string) (host, port string, err error) {
	if strings.Contains(text, "://") {
		return "", "", errors.New("a host without a scheme expected")
	}
	if rest, ok := strings.CutPrefix(text, "["); ok {
		host, port, ok = strings.Cut(rest, "]")
		if !ok {
			return "", "", errors.New("missing ']'")
		}
		if !strings.Contains(host, ":") {
			return "", "", errors.New("only an IPv6 address stands in brackets")
		}
		if port == "" {
			return host, "", nil
		}
		port, ok = strings.CutPrefix(port, ":")
		if !ok || port == "" {
			return "", "", errors.New("a port expected after ']:'")
		}
		return host, port, nil
	}
	if strings.Count(text, ":") != 1 {
		return text, "", nil // no port, or an IPv6 address
	}
	host, port, _ = strings.Cut(text, ":")
	if port == "" {
		return "", "", errors.New("a port expected after ':'")
	}
	return host, port, nil
}

func parsePort(port string) (uint16, error) {
	if port == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '+' || port[0] == '0' {
		return 0, fmt.Errorf("port '%s' is not a number from 1 to 65535", port)
	}
	return uint16(n), nil
}

// parsePrefix reads an address or a prefix.
func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "%") {
		return netip.Prefix{}, errors.New("an address with a zone cannot be allowed")
	}
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, errors.New("neither an IP address nor a host name")
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, errors.New("an address and a prefix length expected, as in 10.0.0.0/8")
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("write an IPv4 prefix as such, as in 10.0.0.0/8")
	}
	if m := p.Masked(); m != p {
		return netip.Prefix{}, fmt.Errorf("the address goes on behind the prefix: %s is meant, or one address without a length", m)
	}
	return p, nil
}

// looksNumeric reports whether name ends in a number, which no domain does. Resolvers
// take 127.1 or 0x7f000001 for addresses.
func looksNumeric(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if last == "" {
		return false
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok {
		return strings.Trim(rest, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

func checkName(name string) error {
	if name == "" {
		return errors.New("a host name, an IP address or a prefix expected")
	}
	if strings.HasSuffix(name, ".") {
		return errors.New("a host name without a dot at its end expected")
	}
	if looksNumeric(name) {
		return errors.New("a host name cannot end in a number")
	}
	if len(name) > 253 {
		return errors.New("a host name has at most 253 characters")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return errors.New("between the dots of a host name are 1 to 63 characters")
		}
		for _, c := range label {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			case c == '*':
				return errors.New("a '*' stands only at the beginning and for whole names, as in *.example.com; without rules every address is allowed")
			case c > 0x7f:
				return errors.New("a host name is ASCII: write an internationalized one in its xn-- form")
			default:
				return fmt.Errorf("a host name cannot contain %q", c)
			}
		}
	}
	return nil
}

// String returns the rule in a form that ParseRule reads.
func (r Rule) String() string {
	s := r.name
	switch {
	case r.wildcard:
		s = "*" + r.name
	case r.prefix.IsValid() && r.prefix.IsSingleIP():
		s = r.prefix.Addr().String()
	case r.prefix.IsValid():
		s = r.prefix.String()
	}
	if r.port == 0 {
		return s
	}
	if r.prefix.IsValid() && r.prefix.Addr().Is6() {
		s = "[" + s + "]"
	}
	return s + ":" + strconv.Itoa(int(r.port))
}

func (r Rule) hasPort(port uint16) bool { return r.port == 0 || r.port == port }

// matchesName reports whether r is about names, and this one (lower case).
func (r Rule) matchesName(name string) bool {
	if r.wildcard {
		return len(name) > len(r.name) && strings.HasSuffix(name, r.name)
	}
	return r.name != "" && r.name == name
}
