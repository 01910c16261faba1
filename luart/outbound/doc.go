// Package outbound is an HTTP client for code that is told where to connect by others:
// it connects to what a [Policy] allows and to nothing else, and its errors name the
// step that failed.
//
// # What a policy allows
//
// A policy without rules allows every address but link-local and special ones, of the last line
// of the table below. Every address is judged twice:
// by the name and port in the URL, before anything is looked up, and by the IP address
// and port of each connection, after the name has been resolved and before the
// connection is made. So a name cannot lead to an address that the operator did not
// mean, whatever its owner puts into DNS, and however often it changes. Redirects are
// requests like the first; a pooled connection serves only the host and port it was
// made for. Proxies of the environment are not used.
//
// A connection is made if the address it goes to matches a rule that is an IP address
// or a prefix. If a rule matched the name in the URL instead, it depends on where the
// name leads:
//
//	address                           host        *.domain    localhost
//	public                            yes         yes         no
//	private (RFC 1918, fc00::/7,      yes         no          no
//	  shared 100.64.0.0/10, reserved)
//	loopback                          no          no          yes
//	link-local, multicast,            no          no          no
//	  unspecified, metadata services
//
// "host" is a rule with one exact name: an operator who names an internal service means
// its private address. A wildcard does not say so much: whoever may add a name below
// the domain would choose the address. An IPv6 address that stands for an IPv4 address
// (mapped, NAT64, 6to4, Teredo, ISATAP) is judged as the latter.
package outbound
