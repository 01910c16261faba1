package integration_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"
)

const sharedScript = `
local api = rover.server {}
local calls = rover.store("calls")
local cache = rover.cache("c", { shared = true, local_ttl = 3600 })

-- A slow service, which notes how often it was asked.
local function ask(key)
  return function()
    local n = assert(calls:incr(key))
    rover.sleep(0.5)
    return key .. n
  end
end
function api.fetch.p_key.get(ctx) return cache:fetch(ctx:param("key"), { ttl = 3600 }, ask(ctx:param("key"))) end
function api.calls.p_key.get(ctx) return (calls:incr(ctx:param("key"), 0)) end

function api.value.p_key.get(ctx) return cache:get(ctx:param("key")) or "none" end
function api.value.p_key.p_value.put(ctx)
  local done, why = cache:set(ctx:param("key"), ctx:param("value"))
  return done and "stored" or api:error(503, why)
end
function api.value.p_key.delete(ctx) cache:delete(ctx:param("key")) return "deleted" end

-- What is held by who is killed.
function api.hang.post()
  rover.lock("hang", { shared = true, ttl = 1 }):acquire()
  cache:fetch("hang", function() calls:set("hangs", true) rover.sleep(3600) end)
end
function api.hangs.get() return tostring(calls:get("hangs") == true) end
function api.take.post() return (rover.lock("hang", { shared = true, ttl = 1 }):acquire(20)) end
function api.takeover.get() return cache:fetch("hang", function() return "asked again" end) end

-- A lock, and when it was held for sure.
local locks = {
  lock = function() return rover.lock("l", { shared = true, ttl = 0.3 }) end,
  places = function() return rover.semaphore("l", 2, { shared = true, ttl = 0.3 }) end,
}
function api.hold.p_kind.post(ctx)
  local l = locks[ctx:param("kind")]()
  local ok, fence = l:acquire(1)
  if not ok then return api:error(fence == "timeout" and 409 or 503, fence) end
  local from, till = rover.time.now(), nil
  for i = 1, 5 do
    local now = rover.time.now()
    if l:held() then till = now end
    rover.sleep(0.02)
  end
  if not till then return api:error(409, "lost") end
  return { fence = fence, from = from, till = till }
end
return api
`

// A thousand requests on three machines for what nobody has ask a service once.
func TestClusterFlight(t *testing.T) {
	_, all := newCluster(t, 3, sharedScript)
	var wg sync.WaitGroup
	for _, i := range all {
		for range 334 {
			wg.Go(func() {
				if resp, body := i.do("GET", "/fetch/a"); resp.StatusCode != 200 || body != "a1" {
					t.Errorf("%s %s", resp.Status, body)
				}
			})
		}
	}
	wg.Wait()
	if _, body := all[0].do("GET", "/calls/a"); body != "1" {
		t.Errorf("the service was asked %s times", body)
	}
}

// until asks for something until the answer is as it should be.
func (i *instance) until(method, path, want string) {
	i.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		_, body := i.do(method, path)
		if body == want {
			return
		}
		if time.Now().After(deadline) {
			i.t.Fatalf("%s %s: %s, never %s", method, path, body, want)
		}
	}
}

// What one machine changes the others see, although they have something else at hand, also after the
// server was away.
func TestClusterInvalidation(t *testing.T) {
	server, all := newCluster(t, 3, sharedScript)
	change := func(i int, method, path, done, want string) {
		t.Helper()
		all[i].until(method, path, done)
		for _, i := range all {
			i.until("GET", "/value/k", want)
		}
	}
	change(0, "PUT", "/value/k/first", "stored", "first")
	change(1, "PUT", "/value/k/second", "stored", "second")
	change(2, "DELETE", "/value/k", "deleted", "none")
	change(0, "PUT", "/value/k/third", "stored", "third")
	server.Kill()
	for _, i := range all {
		i.until("GET", "/value/k", "third") // it is at hand
		if resp, _ := i.do("PUT", "/value/k/lost"); resp.StatusCode != 503 {
			t.Errorf("%s", resp.Status)
		}
	}
	server.Start()
	change(1, "PUT", "/value/k/fourth", "stored", "fourth")
}

// What a machine held that was killed others have after its time.
func TestClusterKilled(t *testing.T) {
	_, all := newCluster(t, 2, sharedScript)
	hung := make(chan struct{})
	go func() {
		defer close(hung)
		if resp, err := all[0].client.Post("http://localhost/hang", "", nil); err == nil {
			resp.Body.Close()
			t.Errorf("%s", resp.Status)
		}
	}()
	all[1].until("GET", "/hangs", "true")
	_ = all[0].cmd.Process.Kill()
	_ = all[0].cmd.Wait()
	<-hung
	if resp, body := all[1].do("POST", "/take"); resp.StatusCode != 200 || body != "true" {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, body := all[1].do("GET", "/takeover"); resp.StatusCode != 200 || body != "asked again" {
		t.Errorf("%s %s", resp.Status, body)
	}
}

// While the server is killed, and paused for longer than a lock is kept, no two machines hold it for sure at
// one time, and no more a semaphore than it has places; fences grow with each that has the lock.
func TestClusterHeld(t *testing.T) {
	server, all := newCluster(t, 3, sharedScript)
	type grant struct {
		Fence      int64
		From, Till float64
	}
	var mu sync.Mutex
	grants := map[string][]grant{}
	over := make(chan struct{})
	var wg sync.WaitGroup
	stop := sync.OnceFunc(func() { close(over); wg.Wait() })
	t.Cleanup(stop)
	for _, i := range all {
		for _, kind := range []string{"lock", "places", "places"} {
			wg.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
					}
					switch resp, body := i.do("POST", "/hold/"+kind); resp.StatusCode {
					case 200:
						var g grant
						if err := json.Unmarshal([]byte(body), &g); err != nil {
							t.Error(err)
						}
						mu.Lock()
						grants[kind] = append(grants[kind], g)
						mu.Unlock()
					case 409, 503:
					default:
						t.Errorf("%s %s", resp.Status, body)
					}
				}
			})
		}
	}
	more := func() {
		t.Helper()
		mu.Lock()
		locks, places := len(grants["lock"])+4, len(grants["places"])+8
		mu.Unlock()
		for deadline := time.Now().Add(patience); ; {
			mu.Lock()
			done := len(grants["lock"]) >= locks && len(grants["places"]) >= places
			mu.Unlock()
			if done {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("never: more locks")
			}
		}
	}
	up := func(n float64) {
		t.Helper()
		for deadline := time.Now().Add(patience); all[0].metric("caddy_rover_store_up") != n; {
			if time.Now().After(deadline) {
				t.Fatalf("the store is never %v", n)
			}
		}
	}
	more()
	server.Pause()
	up(0)
	server.Continue()
	up(1)
	more()
	server.Kill()
	up(0)
	server.Start()
	more()
	stop()
	for kind, most := range map[string]int{"lock": 1, "places": 2} {
		for _, a := range grants[kind] {
			at := 0 // who holds it for sure at the moment at which a was given
			for _, b := range grants[kind] {
				if b.From <= a.From && a.From <= b.Till {
					at++
				}
				if kind == "lock" && (a.Fence == b.Fence) != (a == b) || kind == "lock" && a.From > b.Till && a.Fence < b.Fence {
					t.Errorf("fences do not grow: %+v, %+v", b, a)
				}
			}
			if at > most {
				t.Errorf("%s: %d hold it with %+v", kind, at, a)
			}
		}
		t.Logf("%s: %d times", kind, len(grants[kind]))
	}
}
