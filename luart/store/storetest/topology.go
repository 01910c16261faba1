package storetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// StartRedisPort is StartRedis with a server at a port of 127.0.0.1.
func StartRedisPort(t testing.TB, args ...string) *Server {
	t.Helper()
	port := FreePort(t)
	s := StartRedis(t, append([]string{"--port", port, "--bind", "127.0.0.1"}, args...)...)
	s.URL = "redis://127.0.0.1:" + port
	return s
}

// FreePort returns a port that nobody listens at.
func FreePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// Port is the port of a server that has one.
func (s *Server) Port() string { return s.URL[strings.LastIndexByte(s.URL, ':')+1:] }

// Ask sends the server one command, and returns what it says as a text.
func (s *Server) Ask(args ...string) string {
	s.t.Helper()
	o, err := rueidis.ParseURL(s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	o.ForceSingleClient, o.DisableCache = true, true
	c, err := rueidis.NewClient(o)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	answer := c.Do(context.Background(), c.B().Arbitrary(args...).Build())
	if err := answer.NonRedisError(); err != nil {
		s.t.Fatal(err)
	}
	v, err := answer.ToAny()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}

// await asks until the answer has all texts.
func (s *Server) await(texts []string, args ...string) {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		answer, missing := s.Ask(args...), ""
		for _, text := range texts {
			if !strings.Contains(answer, text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%q never has %q:\n%s", args, missing, answer)
		}
	}
}

// StartCluster starts three servers with a third of the keys each, and a copy of the first one.
func StartCluster(t testing.TB) (masters []*Server, replica *Server) {
	t.Helper()
	var all []*Server
	for range 4 {
		all = append(all, StartRedisPort(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", FreePort(t)))
	}
	for i, from := range []int{0, 5461, 10923, 16384} {
		if i < 3 {
			to := []int{5460, 10922, 16383}[i]
			all[i].Ask("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(from), strconv.Itoa(to))
			all[i].Ask("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		}
	}
	for _, s := range all[1:] {
		bus := s.Ask("CONFIG", "GET", "cluster-port")
		bus = strings.TrimSuffix(bus[strings.LastIndexByte(bus, ':')+1:], "]")
		all[0].Ask("CLUSTER", "MEET", "127.0.0.1", s.Port(), bus)
	}
	for _, s := range all {
		s.await([]string{"cluster_state:ok", "cluster_known_nodes:4", "cluster_slots_ok:16384"}, "CLUSTER", "INFO")
	}
	replica = all[3]
	first := all[0].Ask("CLUSTER", "MYID")
	replica.await([]string{"OK"}, "CLUSTER", "REPLICATE", first)
	replica.await([]string{"master_link_status:up"}, "INFO", "replication")
	for _, s := range all {
		s.await([]string{"slave " + first}, "CLUSTER", "NODES")
	}
	return all[:3], replica
}

// StartSentinel starts a server, a copy of it, and a Sentinel that knows it as "main" and has the copy
// take over when it is away for a second. Options are those of both servers; user and password, if
// there are any, are what the Sentinel says to them. Nobody needs a password for the Sentinel.
func StartSentinel(t testing.TB, user, password string, args ...string) (sentinel, master, replica *Server) {
	t.Helper()
	config := []string{"sentinel down-after-milliseconds main 1000", "sentinel failover-timeout main 5000"}
	if user != "" {
		args = append(args, "--masteruser", user, "--masterauth", password)
		config = append(config, "sentinel auth-user main "+user, "sentinel auth-pass main "+password)
	}
	master = StartRedisPort(t, args...)
	replica = StartRedisPort(t, append([]string{"--replicaof", "127.0.0.1 " + master.Port()}, args...)...)
	port := FreePort(t)
	sentinel = startSentinel(t, master, append(config, "port "+port)...)
	sentinel.URL = "redis://127.0.0.1:" + port
	sentinel.await([]string{"num-slaves:1"}, "SENTINEL", "MASTER", "main")
	return sentinel, master, replica
}

// StartSentinelTLS starts a Sentinel that knows one server as "main", each with its own certificate, and
// both ask for one. dir has the files ca.pem, sentinel.pem, sentinel.key, server.pem and
// server.key.
func StartSentinelTLS(t testing.TB, dir string) (sentinel, master *Server) {
	t.Helper()
	file := func(name string) string { return filepath.Join(dir, name) }
	master = StartRedisTLS(t, file("ca.pem"), file("server.pem"), file("server.key"))
	port := FreePort(t)
	sentinel = startSentinel(t, master, "port 0", "tls-port "+port, "tls-replication yes",
		"tls-ca-cert-file "+file("ca.pem"), "tls-cert-file "+file("sentinel.pem"), "tls-key-file "+file("sentinel.key"))
	sentinel.URL = "rediss://localhost:" + port
	return sentinel, master
}

// StartRedisTLS starts a server that speaks TLS only, and asks for a certificate of the authority.
func StartRedisTLS(t testing.TB, ca, cert, key string) *Server {
	t.Helper()
	port := FreePort(t)
	s := StartRedis(t, "--tls-port", port, "--bind", "127.0.0.1", "--tls-ca-cert-file", ca, "--tls-cert-file", cert, "--tls-key-file", key)
	s.URL = "rediss://127.0.0.1:" + port
	return s
}

func startSentinel(t testing.TB, master *Server, config ...string) *Server {
	t.Helper()
	config = append([]string{"bind 127.0.0.1 -::1", "sentinel monitor main 127.0.0.1 " + master.Port() + " 1"}, config...)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, args: []string{file, "--sentinel"}}
	s.Start()
	t.Cleanup(s.Kill)
	return s
}
