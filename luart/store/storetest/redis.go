// Package storetest tests engines of package store: each behaves as the others do.
package storetest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/caddy-rover/rover/internal/needs"
)

// Server is a redis-server of a test.
type Server struct {
	URL string

	t    testing.TB
	args []string
	cmd  *exec.Cmd
}

// StartRedis starts a redis-server on a socket of its own; it ends with the test, which needs the
// program.
func StartRedis(t testing.TB, args ...string) *Server {
	t.Helper()
	needs.Program(t, "redis-server")
	dir, err := os.MkdirTemp("", "redis") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	sock := filepath.Join(dir, "s")
	s := &Server{t: t, URL: "unix://" + sock}
	s.args = append([]string{"--port", "0", "--unixsocket", sock, "--dir", dir, "--save", ""}, args...)
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// Start starts it, also again, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "eady to accept connections") || strings.Contains(lines.Text(), "Sentinel ID is") {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return
		}
		log.WriteString(lines.Text() + "\n")
	}
	s.t.Fatalf("redis-server does not start:\n%s", log.String())
}

// Kill kills it.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Pause stops it, and Continue lets it go on: connections stay, and nothing is answered.
func (s *Server) Pause()    { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *Server) Continue() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }
