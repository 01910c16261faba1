package integration_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
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
function api.value.p_key.delete(ctx)
  local done, why = cache:delete(ctx:param("key"))
  return done and "deleted" or api:error(503, why)
end

-- What any machine is told.
function api.news.get()
  local sub = rover.subscribe("news")
  return api.sse(function()
    local news, why = sub:recv(5)
    if not news then return { event = why, data = "" } end
    return { event = "news", data = news }
  end)
end
function api.news.p_text.post(ctx)
  local sent, why = rover.publish("news", ctx:param("text"))
  return sent and "sent" or api:error(503, why)
end

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
	_, all := newCluster(t, 3, longTimeout, sharedScript)
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
	server, all := newCluster(t, 3, shortTimeout, sharedScript)
	change := func(i int, method, path, done, want string) {
		t.Helper()
		all[i].until(method, path, done)
		began := time.Now()
		for _, i := range all {
			i.until("GET", "/value/k", want)
		}
		t.Logf("%s %s was seen everywhere after %s", method, path, time.Since(began).Round(10*time.Microsecond))
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
	all[2].way.Hold() // who does not hear of a change has what was, and asks when it hears again
	all[0].until("PUT", "/value/k/fifth", "stored")
	all[1].until("GET", "/value/k", "fifth")
	all[2].way.Mend()
	all[2].until("GET", "/value/k", "fifth")
	for n := range 20 {
		value := fmt.Sprint("sixth", n)
		change(n%3, "PUT", "/value/k/"+value, "stored", value)
	}
}

// Who listens hears what another machine tells, learns where something may be missing because the server was
// away, and hears what is told after that.
func TestClusterMessages(t *testing.T) {
	server, all := newCluster(t, 2, shortTimeout, sharedScript)
	heard := make(chan string, 1000)
	go all[1].listen(heard)
	// tell says something until it is heard, since nobody keeps what is said before; and with lost, until it is
	// heard after the listener was told that something may be missing.
	tell := func(text string, lost bool) {
		t.Helper()
		again := time.NewTicker(100 * time.Millisecond)
		defer again.Stop()
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
			if resp, body := all[0].do("POST", "/news/"+text); resp.StatusCode != 200 && resp.StatusCode != 503 {
				t.Fatalf("%s %s", resp.Status, body)
			}
			select {
			case event := <-heard:
				lost = lost && event != "lost"
				if event == "news: "+text && !lost {
					return
				}
			case <-again.C:
			}
		}
		t.Fatalf("never heard: %s, or that something may be missing: %v", text, lost)
	}
	tell("first", false)
	for _, away := range []struct {
		text        string
		leave, back func()
	}{
		{"killed", server.Kill, server.Start}, {"dropped", all[1].way.Drop, all[1].way.Mend}, {"held", all[1].way.Hold, all[1].way.Mend},
	} {
		away.leave()
		for deadline := time.Now().Add(patience); all[1].metric("caddy_rover_store_up") != 0; {
			if time.Now().After(deadline) {
				t.Fatal("the store is never down:", away.text)
			}
		}
		away.back()
		tell(away.text, true)
	}
}

// listen sends the events of /news that say something, until the test ends.
func (i *instance) listen(heard chan<- string) {
	r, err := http.NewRequestWithContext(i.t.Context(), "GET", "http://localhost/news", nil)
	if err != nil {
		i.t.Error(err)
		return
	}
	resp, err := i.client.Transport.RoundTrip(r) // without the time that the client gives
	if err != nil {
		i.t.Error(err)
		return
	}
	defer resp.Body.Close()
	event := ""
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			event = value
		case name == "data" && event == "news":
			event += ": " + value
		case name == "" && event != "":
			if event != "timeout" {
				heard <- event
			}
			event = ""
		}
	}
}

// What a machine held that was killed others have after its time.
func TestClusterKilled(t *testing.T) {
	_, all := newCluster(t, 2, longTimeout, sharedScript)
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

// While the server is killed and paused for longer than a lock is kept, and one machine is cut off from it, no
// two machines hold it for sure at one time, and no more a semaphore than it has places; fences grow with
// each that has the lock.
func TestClusterHeld(t *testing.T) {
	server, all := newCluster(t, 3, shortTimeout, sharedScript)
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
	all[0].way.Drop()
	up(0)
	more() // of the others
	all[0].way.Mend()
	up(1)
	more()
	all[0].way.Hold()
	up(0)
	more()
	all[0].way.Mend()
	up(1)
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
