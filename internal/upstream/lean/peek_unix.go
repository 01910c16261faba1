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
		lives = c.quiet(fd)
		return true
	})
	return err == nil && lives
}

// quiet reports whether nothing has come, and the server has not closed the connection.
func (c *conn) quiet(fd uintptr) bool {
	is := [...]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(is[:], 0)
	return n == 0 && err == nil || err == unix.EINTR
}
