//go:build unix

package lean

import "golang.org/x/sys/unix"

// lives reports whether a connection of the pool can be used: the server has not closed it, and has
// sent nothing that nobody has asked for.
func (c *conn) lives() bool {
	if c.raw == nil {
		return true
	}
	lives := false
	err := c.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		lives = err == unix.EAGAIN || err == unix.EINTR
		return true
	})
	return err == nil && lives
}
