//go:build unix

package lean

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// canLook says that there are quiet and write.
const canLook = true

// lives reports whether a connection of the pool can be used: the server has not closed it, and has
// sent nothing that nobody has asked for.
func (c *conn) lives() bool {
	if c.raw == nil {
		return true
	}
	lives := false
	err := c.raw.Control(func(fd uintptr) { // not Read, which heeds a deadline of the last one
		lives = quiet(fd)
	})
	return err == nil && lives
}

// quiet reports whether nothing has come, and the server has not closed the connection. It takes nothing
// from it: to peek would take the error of one that was reset.
func quiet(fd uintptr) bool {
	is := [...]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(is[:], 0)
	return n == 0 && err == nil || err == unix.EINTR //nolint:errorlint // as the system has it
}

// write is syscall's, as that of net is: with both the race detector knows what comes before what.
func write(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }
