package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store/storetest"
)

// instance is one of several Caddys with one store.
type instance struct {
	*process
	client *http.Client
	way    *storetest.Network // to the server
}

const clusterConfig = `{
	admin unix/{$WORK}/admin.sock
	log {
		output file {$WORK}/caddy.log
	}
}
http:// {
	bind unix/{$WORK}/http.sock
	rover app.lua {
		name cluster
		store {$STORE} {
			timeout {$TIMEOUT}
		}
	}
}
`

const (
	longTimeout  = "1m"    // where the server never is away, however busy the machine is
	shortTimeout = "300ms" // where it is
)

const clusterScript = `
local api = rover.server {}
local values = rover.store("values")
local sessions = rover.session.new { secure = false, csrf = false }

api.limited.limit { rate = 100, per = 3600, key = "route", on_failure = "closed" }
function api.limited.get() return "in" end
api.moved.limit { rate = 100, per = 3600, key = "route", on_failure = "closed" }
function api.moved.get() return "in" end

function api.values.p_key.put(ctx)
  local ok, why = values:set(ctx:param("key"), "kept")
  return ok and "stored" or api:error(503, why)
end
function api.values.p_key.get(ctx)
  local v, why = values:get(ctx:param("key"))
  if v == nil then return api:error(why and 503 or 404, why or "lost") end
  return v
end

function api.session.p_user.put(ctx)
  sessions:start(ctx):set("user", ctx:param("user"))
  return "stored"
end
function api.session.get(ctx)
  return sessions:start(ctx):get("user") or api:error(404, "lost")
end

function api.lock.post()
  local asked = rover.time.now()
  local lock, why = values:lock("l", { ttl = 0.3 })
  if not lock then return api:error(why == "timeout" and 409 or 503, why) end
  local from = rover.time.now()
  if from >= asked + 0.3 then return api:error(409, "it is over") end
  rover.sleep(0.05)
  return { fence = lock.fence, from = from, till = math.min(rover.time.now(), asked + 0.3) }
end
return api
`

// newCluster starts n Caddys with one redis-server, whose calls may take that long, and a script of their
// own or clusterScript.
func newCluster(t *testing.T, n int, timeout string, script ...string) (*storetest.Server, []*instance) {
	server := storetest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	script = append(script, clusterScript)
	var all []*instance
	for range n {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "Caddyfile"), clusterConfig)
		write(t, filepath.Join(dir, "app.lua"), script[0])
		i := &instance{way: server.Network()}
		i.process = startProcess(t, dir, "STORE=redis://"+i.way.Addr, "TIMEOUT="+timeout)
		i.client = &http.Client{Timeout: patience, Transport: &http.Transport{
			MaxIdleConnsPerHost: 64,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "http.sock"))
			},
		}}
		t.Cleanup(i.client.CloseIdleConnections)
		all = append(all, i)
	}
	for _, i := range all {
		for deadline := time.Now().Add(patience); ; {
			if resp, err := i.client.Get("http://localhost/values/none"); err == nil {
				resp.Body.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("a Caddy does not answer")
			}
		}
	}
	t.Cleanup(func() {
		for _, i := range all {
			if i.cmd.ProcessState == nil { // else it was killed
				i.stop()
			}
			log, err := os.ReadFile(filepath.Join(i.dir, "caddy.log"))
			if err != nil || bytes.Contains(log, []byte("panic")) || strings.Contains(i.stderr.String(), "panic") {
				t.Errorf("%v\n%s\n%s", err, &i.stderr, log)
			}
		}
	})
	return server, all
}

// do sends a request, and fails the test where there is no answer.
func (i *instance) do(method, path string, cookies ...*http.Cookie) (*http.Response, string) {
	r, err := http.NewRequest(method, "http://localhost"+path, http.NoBody)
	if err != nil {
		i.t.Error(err)
		return &http.Response{}, ""
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	resp, err := i.client.Do(r)
	if err != nil {
		i.t.Errorf("%s %s: %v", method, path, err)
		return &http.Response{}, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		i.t.Errorf("%s %s: %v", method, path, err)
	}
	return resp, string(body)
}

// let asks n times, four at once, and returns how often it was let in.
func (i *instance) let(path string, n int) int64 {
	var in atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range n / 4 {
				switch resp, body := i.do("GET", path); resp.StatusCode {
				case 200:
					in.Add(1)
				case 429:
				default:
					i.t.Errorf("%s: %s %s", path, resp.Status, body)
				}
			}
		})
	}
	wg.Wait()
	return in.Load()
}

// Three instances together let through what the rate says, and never more; traffic that moves finds
// nearly all that is left.
func TestClusterLimit(t *testing.T) {
	_, all := newCluster(t, 3, longTimeout)
	began := time.Now()
	exact := func(what string, in, least int64) {
		t.Helper()
		if most := 100 + int64(time.Since(began)/(36*time.Second)); in > most || in < least {
			t.Errorf("%s: %d are let in, not %d to %d", what, in, least, most)
		}
		t.Logf("%s: %d are let in", what, in)
	}
	var sum atomic.Int64
	var wg sync.WaitGroup
	for _, i := range all {
		wg.Go(func() { sum.Add(i.let("/limited", 100)) })
	}
	wg.Wait()
	exact("at once", sum.Load(), 100)
	in := all[0].let("/moved", 40)
	in += all[1].let("/moved", 40)
	in += all[2].let("/moved", 100)
	exact("moved", in, 95)
}

// The server is killed and started again under load, and the network to it is cut: each request is
// answered, and what one instance has acknowledged the other has.
func TestClusterLosesNothing(t *testing.T) {
	server, all := newCluster(t, 2, shortTimeout)
	type kept struct {
		path   string
		want   string
		cookie *http.Cookie
		other  *instance
	}
	var mu sync.Mutex
	var acknowledged []kept
	var failed atomic.Int64
	over := make(chan struct{})
	var wg sync.WaitGroup
	stop := sync.OnceFunc(func() { close(over); wg.Wait() })
	t.Cleanup(stop)
	for w := range 4 {
		i, other := all[w%2], all[(w+1)%2]
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				name := fmt.Sprintf("%d-%d", w, n)
				k := kept{path: "/values/" + name, want: "kept", other: other}
				resp, body := i.do("PUT", k.path)
				if resp.StatusCode == 200 && n%2 == 1 {
					if resp, body = i.do("PUT", "/session/"+name); resp.StatusCode == 200 && len(resp.Cookies()) == 1 {
						k = kept{"/session", name, resp.Cookies()[0], other}
					}
				}
				switch resp.StatusCode {
				case 200:
					mu.Lock()
					acknowledged = append(acknowledged, k)
					mu.Unlock()
				case 503:
					failed.Add(1)
				default:
					t.Errorf("PUT %s: %s %s", name, resp.Status, body)
				}
			}
		})
	}
	reach := func(what string, count func() int) {
		t.Helper()
		for want, deadline := count()+50, time.Now().Add(patience); count() < want; {
			if time.Now().After(deadline) {
				t.Fatalf("never: 50 more %s", what)
			}
		}
	}
	stored := func() int { mu.Lock(); defer mu.Unlock(); return len(acknowledged) }
	for _, away := range []struct{ leave, back func() }{
		{server.Kill, server.Start},
		{all[0].way.Drop, all[0].way.Mend},
		{server.Kill, server.Start},
		{all[1].way.Hold, all[1].way.Mend},
		{server.Kill, server.Start},
	} {
		reach("stored", stored)
		away.leave()
		reach("refused", func() int { return int(failed.Load()) })
		away.back()
	}
	reach("stored", stored)
	stop()
	for _, k := range acknowledged {
		var cookies []*http.Cookie
		if k.cookie != nil {
			cookies = append(cookies, k.cookie)
		}
		resp, body := k.other.do("GET", k.path, cookies...)
		for deadline := time.Now().Add(patience); resp.StatusCode == 503 && time.Now().Before(deadline); { // it may find the server later than the other does
			resp, body = k.other.do("GET", k.path, cookies...)
		}
		if resp.StatusCode != 200 || body != k.want {
			t.Errorf("%s: %s %s", k.path, resp.Status, body)
		}
	}
	t.Logf("%d acknowledged, %d failed", len(acknowledged), failed.Load())
}

// While the server does not answer, for longer than a lock is held, each request is answered, soon at
// once; and no two instances hold a lock for sure at one time, and each has a larger fence than
// those before.
func TestClusterPaused(t *testing.T) {
	server, all := newCluster(t, 2, shortTimeout)
	const ttl = 300 * time.Millisecond
	type grant struct {
		Fence      int64
		From, Till float64 // when it was held for sure, in seconds
	}
	var mu sync.Mutex
	var grants []grant
	over := make(chan struct{})
	var wg sync.WaitGroup
	stop := sync.OnceFunc(func() { close(over); wg.Wait() })
	t.Cleanup(stop)
	for _, i := range all {
		wg.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				switch resp, body := i.do("POST", "/lock"); resp.StatusCode {
				case 200:
					var g grant
					if err := json.Unmarshal([]byte(body), &g); err != nil {
						t.Error(err)
					}
					mu.Lock()
					grants = append(grants, g)
					mu.Unlock()
				case 409, 503:
				default:
					t.Errorf("%s %s", resp.Status, body)
				}
			}
		})
	}
	until := func(what string, f func() bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); !f(); {
			if time.Now().After(deadline) {
				t.Fatalf("never: %s", what)
			}
		}
	}
	granted := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(grants) >= n }
	}
	up := func(n float64) func() bool {
		return func() bool {
			return all[0].metric("caddy_rover_store_up") == n && all[1].metric("caddy_rover_store_up") == n
		}
	}
	until("a lock", granted(2))
	paused := time.Now()
	server.Pause()
	until("down", up(0))
	for _, path := range []string{"/values/k", "/limited"} {
		for range 200 { // at once: or this would take a minute
			if resp, body := all[0].do("GET", path); resp.StatusCode != 503 {
				t.Fatalf("%s: %s %s", path, resp.Status, body)
			}
		}
	}
	until("longer than the lock", func() bool { return time.Since(paused) > 2*ttl })
	server.Continue()
	until("up", up(1))
	mu.Lock()
	before := len(grants)
	mu.Unlock()
	until("more locks", granted(before+4))
	stop()
	for i, a := range grants {
		for _, b := range grants[:i] {
			if a.Fence == b.Fence || (a.Fence < b.Fence) != (a.From < b.From) || a.From < b.Till && b.From < a.Till {
				t.Errorf("two hold the lock, or fences do not grow: %+v, %+v", b, a)
			}
		}
	}
}
