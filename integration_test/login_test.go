package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddy-rover/rover/luart/oidc/oidctest"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

const loginConfig = `{
	admin unix/{$WORK}/admin.sock
	log {
		output file {$WORK}/caddy.log
	}
}
http:// {
	bind unix/{$WORK}/http.sock
	rover app.lua {
		name login
		allow net 127.0.0.1
		set issuer {$ISSUER}
		store {$STORE} {
			timeout 1m
		}
	}
	respond "{path} for {header.X-User} of {header.X-Groups}"
}
`

const loginScript = `
local api = rover.server {}
local login = rover.auth.oidc {
  issuer = rover.config.issuer, client_id = "shop", client_secret = "a client secret of thirty-two b.",
  redirect_uri = "http://shop.localhost/back", headers = { ["X-User"] = "sub", ["X-Groups"] = "groups" },
}
login:protect(api)
return api
`

// logins are Caddys with one store, behind something that gives each request to another one.
type logins struct {
	all  []*process
	next atomic.Int64
	p    *oidctest.Provider
}

func startLogins(t *testing.T, n int) *logins {
	server := storetest.StartRedis(t)
	p, at := oidctest.Serve()
	t.Cleanup(at.Close)
	l := &logins{p: p}
	for range n {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "Caddyfile"), loginConfig)
		write(t, filepath.Join(dir, "app.lua"), loginScript)
		l.all = append(l.all, startProcess(t, dir, "STORE="+server.URL, "ISSUER="+p.Issuer))
	}
	for _, p := range l.all {
		conn, err := dial(t.Context(), filepath.Join(p.dir, "http.sock")) // which waits for it
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	t.Cleanup(func() {
		for _, p := range l.all {
			p.stop()
			if log, err := os.ReadFile(filepath.Join(p.dir, "caddy.log")); err != nil || strings.Contains(string(log), "panic") || strings.Contains(string(log), `"level":"error"`) {
				t.Errorf("%v\n%s", err, log)
			}
		}
	})
	return l
}

// browser has cookies of its own, and follows redirects, to the provider and back.
func (l *logins) browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		DisableKeepAlives: true, // each request is for another Caddy
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasPrefix(addr, "shop.localhost:") {
				at := int(l.next.Add(1)) % len(l.all)
				return dial(ctx, filepath.Join(l.all[at].dir, "http.sock"))
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
	return &http.Client{Jar: jar, Transport: transport, Timeout: patience}
}

// open opens a page as a browser does, and returns what it comes to: "200 text".
func open(t *testing.T, c *http.Client, path string) string {
	r, err := http.NewRequest("GET", "http://shop.localhost"+path, http.NoBody)
	if err != nil {
		t.Error(err)
		return ""
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("X-User", "root")
	resp, err := c.Do(r)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(body))
}

// Three Caddys with one store are one login: a user begins at one, comes back to another and goes on at
// all, also where the scripts are loaded anew in the middle. Of the requests that come when the tokens
// end, on all three, one refreshes them: the provider ends a login whose refresh token comes twice.
func TestLoginCluster(t *testing.T) {
	l := startLogins(t, 3)
	l.p.Do(func(k *oidctest.Knobs) {
		k.User, k.Refresh, k.ExpiresIn = jwt.MapClaims{"sub": "ann", "groups": []string{"a", "b"}}, true, 5
	})
	b := l.browser(t)
	follow := b.CheckRedirect
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/back" {
			for _, p := range l.all {
				if _, err := p.admin.admin("POST", "/rover/reload", "", ""); err != nil {
					t.Error(err)
				}
			}
		}
		return nil
	}
	if got := open(t, b, "/a/b"); got != "200 /a/b for ann of a,b" {
		t.Fatalf("after the login: %s", got)
	}
	b.CheckRedirect = follow
	logins := l.p.Seen("/authorize")

	deadline := time.Now().Add(patience)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			for l.p.Seen("/token") < 3 && time.Now().Before(deadline) {
				if got := open(t, b, "/a"); got != "200 /a for ann of a,b" {
					t.Errorf("while tokens end: %s", got)
					return
				}
			}
		})
	}
	group.Wait()
	if n := l.p.Seen("/token"); n < 3 {
		t.Errorf("the tokens were got %d times", n)
	}
	if n := l.p.Seen("/authorize") - logins; n != 0 {
		t.Errorf("the user had to log in %d times more", n)
	}
}

// Who tries the example presses a button at its provider, and the service learns who he is.
func TestLoginExample(t *testing.T) {
	site, home := freePort(), t.TempDir()
	cmd := exec.Command("caddy", "run", "--config", "examples/oidc/Caddyfile")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "HOME="+home, "PORT="+site, "ADMIN=127.0.0.1:"+freePort())
	services := servicePorts(t, "../examples/oidc")
	cmd.Env = append(cmd.Env, services...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("caddy: %v\n%s", err, &stderr)
		}
	}()
	for _, port := range append(services, "PORT="+site) {
		_, port, _ := strings.Cut(port, "=")
		conn, err := dial(t.Context(), "127.0.0.1:"+port) // which waits for it
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	for user, want := range map[string]string{
		"ann": "<p>Hello Ann of staff,admin, this is /admin/x.</p>", "bob": `{"error":"Forbidden: role 'staff' not allowed"}`,
	} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c := &http.Client{Jar: jar, Timeout: patience}
		get := func(address string) (*http.Response, string) {
			r, err := http.NewRequest("GET", address, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept", "text/html")
			resp, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp, string(body)
		}
		resp, page := get("http://localhost:" + site + "/admin/x")
		if !strings.Contains(page, "Who are you?") {
			t.Fatalf("%s: %s", resp.Request.URL, page)
		}
		resp, page = get(resp.Request.URL.String() + "&user=" + user)
		if resp.Request.URL.Path != "/admin/x" || !strings.Contains(page, want) {
			t.Errorf("%s comes to %s: %s", user, resp.Request.URL, page)
		}
		if resp, err = c.Post("http://localhost:"+site+"/logout", "", nil); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if _, page = get("http://localhost:" + site + "/admin/x"); !strings.Contains(page, "Who are you?") {
			t.Errorf("after the logout: %s", page)
		}
	}
}
