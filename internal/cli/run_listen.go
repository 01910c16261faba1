package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// runAddress returns the address that a flag says, where nobody else serves; "" if it says none. A
// number alone is a port.
func runAddress(fl caddycmd.Flags, flag string) (string, error) {
	text := fl.String(flag)
	if text == "" {
		return "", nil
	}
	if strings.Trim(text, "0123456789") == "" {
		if _, err := strconv.ParseUint(text, 10, 16); err != nil { // not a host of that name
			return "", fmt.Errorf("--%s %s: a port from 0 to 65535, or an address such as :8080 expected", flag, text)
		}
		text = ":" + text
	}
	address, err := caddy.ParseNetworkAddress(text)
	if err == nil {
		err = checkFree(address, "--"+flag)
	}
	if err != nil {
		return "", fmt.Errorf("--%s %s: %w", flag, fl.String(flag), err)
	}
	return text, nil
}

// checkFree returns an error that says what to do if somebody else serves an address already.
// Caddy shares ports with others that do (SO_REUSEPORT), and takes the files of sockets away: the
// old server would go on, and get some of the requests, or none.
func checkFree(address caddy.NetworkAddress, flag string) error {
	for i := range address.PortRangeSize() {
		if served(address, i) {
			return fmt.Errorf("%s is served already, by another process: stop that one, or choose another address with %s",
				address.At(i), flag)
		}
	}
	return nil
}

// served reports whether somebody serves an address, for the port of a range. What cannot be said
// here Caddy says.
func served(address caddy.NetworkAddress, i uint) bool {
	switch {
	case address.IsUnixNetwork():
		path, _, _ := strings.Cut(address.Host, "|") // permissions follow
		conn, err := net.Dial(address.Network, path)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	case strings.HasPrefix(address.Network, "tcp"):
		// Without SO_REUSEPORT the system itself says so, also of one that serves only one of
		// the machine's addresses.
		l, err := net.Listen(address.Network, address.JoinHostPort(i))
		if err != nil {
			return errors.Is(err, syscall.EADDRINUSE)
		}
		_ = l.Close()
	}
	return false
}
