package integration_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdAbort begins uploads and leaves: abort N METHOD /path.
func cmdAbort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: abort N METHOD /path")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for range n {
		conn, err := net.Dial("unix", filepath.Join(ts.Getenv("WORK"), "http.sock"))
		ts.Check(err)
		_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nhalf", args[1], args[2])
		ts.Check(err)
		ts.Check(conn.Close())
	}
}
