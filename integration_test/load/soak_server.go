package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// runSoak builds and starts a server, and soaks it.
func runSoak(ctx context.Context, duration time.Duration, rate, clients int) error {
	dir, err := os.MkdirTemp("", "rover-soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := buildCaddy(ctx, dir); err != nil {
		return err
	}
	for name, text := range map[string]string{"Caddyfile": soakCaddyfile, "soak.lua": soakScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if _, err := raiseFiles(16 * clients); err != nil {
		return err
	}
	up, err := startBadUpstream()
	if err != nil {
		return err
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	port, dead := ports[0], ports[1]
	admin := newAdminClient(filepath.Join(dir, "admin.sock"))
	cmd := exec.Command(filepath.Join(dir, "caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	logs := new(panics)
	cmd.Dir, cmd.Stderr = dir, logs
	cmd.Env = append(os.Environ(), "HOME="+dir, "SOAK="+port, "ADMIN="+admin.socket,
		"UPSTREAM="+up.Addr().String(), "DEAD=127.0.0.1:"+dead)
	server, err := startProcess("caddy", cmd)
	if err != nil {
		return err
	}
	srv := &caddy{server, map[string]string{"SOAK": port}}
	defer up.stop() // behind the server, which has the connections
	defer srv.stop()
	if err := srv.listens(ctx, port); err != nil {
		return err
	}
	idle, err := admin.goroutines(ctx)
	if err != nil {
		return err
	}
	s := &soak{duration: duration, rate: rate, clients: clients, h1: port, h2c: port}
	if err = s.run(ctx, srv, admin); err == nil {
		err = untilIdle(ctx, admin, idle)
	}
	srv.stop() // it writes no more
	return cmp.Or(err, logs.err)
}

// panics is what becomes of the server's log: its errors are those of the upstreams, but no panic is.
type panics struct{ err error }

func (p *panics) Write(text []byte) (int, error) {
	if lower := bytes.ToLower(text); p.err == nil && (bytes.Contains(lower, []byte("panic")) || bytes.Contains(lower, []byte("fatal error"))) {
		p.err = fmt.Errorf("in the server's log: %.4000s", text)
	}
	return len(text), nil
}

// untilIdle waits until the server has no goroutines of requests any more. The idle connections of
// http.Transport have two each, for as long as Caddy keeps them.
func untilIdle(ctx context.Context, admin *adminClient, idle int) error {
	const spare = 20
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		n, err := admin.goroutines(ctx)
		if err == nil && n <= idle+spare {
			fmt.Printf("soak     over: %d goroutines, %d before\n", n, idle)
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("the server has %d goroutines, %d before the first request", n, idle)
		}
	}
}

// adminClient asks the server's admin API.
type adminClient struct {
	socket string
	http.Client
}

func newAdminClient(socket string) *adminClient {
	return &adminClient{socket, http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

var goroutineTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)

// goroutines is how many the server has.
func (c *adminClient) goroutines(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/debug/pprof/goroutine?debug=1", nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	m := goroutineTotal.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no profile of goroutines: %.100q", text)
	}
	return strconv.Atoi(string(m[1]))
}
