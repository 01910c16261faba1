package luart

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pprof "github.com/google/pprof/profile"
)

const hotScript = `
	local api = rover.server {}
	local json = rover.json
	local big = {}
	for i = 1, 3000 do big[i] = { n = i } end
	local function hot(n)
		local sum = 0
		for i = 1, n do sum = sum + i % 7 end
		return sum
	end
	local function cold(n) return n + 1 end
	function api.hot.get()
		local n = 0
		for i = 1, 20 do n = n + hot(5000) + cold(i) end
		return { n = n }
	end
	function api.encode.get()
		local text = json.encode(big)
		return #text
	end
	function api.answer.get() return big end
	function api.co.get()
		local f = coroutine.wrap(function() return hot(100000) end)
		return f()
	end
	function api.sleep.get() rover.sleep(0.001) return "slept" end
	return api`

// profileOf makes a profile while requests run, of at least n samples.
func profileOf(t *testing.T, s *server, n int64, requests ...string) *pprof.Profile {
	t.Helper()
	var stop atomic.Bool
	var wg sync.WaitGroup
	for _, r := range requests {
		wg.Go(func() {
			for !stop.Load() {
				if w := s.do(r, ""); w.Code != 200 {
					t.Errorf("%s: %s %v", r, answer(w), s.logs.All()[s.logs.Len()-1])
					return
				}
			}
		})
	}
	defer wg.Wait()
	defer stop.Store(true)
	var p *pprof.Profile
	for d := 300 * time.Millisecond; d < time.Minute; d *= 2 {
		var err error
		if p, err = s.vm.Profile(context.Background(), d); err != nil {
			t.Fatal(err)
		}
		if total(p) >= n {
			return p
		}
	}
	t.Fatalf("only %d samples", total(p))
	return nil
}

func total(p *pprof.Profile) (n int64) {
	for _, s := range p.Sample {
		n += s.Value[0]
	}
	return n
}

// flat returns how many samples have a function that begins with name as the innermost one,
// and how many have it at all.
func flat(p *pprof.Profile, name string) (flat, cum int64) {
	for _, s := range p.Sample {
		for i, l := range s.Location {
			if strings.HasPrefix(l.Line[0].Function.Name, name) {
				if i == 0 {
					flat += s.Value[0]
				}
				cum += s.Value[0]
				break
			}
		}
	}
	return flat, cum
}

// The profiler finds a planted hot function, with its file and line, below the route that
// calls it; in a coroutine, too.
func TestProfileFindsTheHotFunction(t *testing.T) {
	for _, path := range []string{"/hot", "/co"} {
		s := newServer(t, hotScript, withBurst(time.Minute))
		p := profileOf(t, s, 20, "GET "+path)
		hot, _ := flat(p, "hot app.lua:6")
		if all := total(p); hot*10 < all*6 {
			t.Errorf("%s: %d of %d samples are in hot:\n%s", path, hot, all, p)
		}
		if _, cum := flat(p, "GET "+path); cum != total(p) {
			t.Errorf("%s: %d of %d samples are below the route", path, cum, total(p))
		}
		for _, f := range p.Function {
			if f.Name == "hot app.lua:6" && (f.StartLine != 6 || !strings.HasSuffix(f.Filename, "/app.lua")) {
				t.Errorf("%+v", f)
			}
		}
	}
}

// Time in built-in functions is theirs, and that of encoding an answer the route's.
func TestProfileOfGoFunctions(t *testing.T) {
	s := newServer(t, hotScript, withBurst(time.Minute))
	p := profileOf(t, s, 20, "GET /encode")
	encode, _ := flat(p, "[Go] rover.json.encode")
	if all := total(p); encode*10 < all*6 {
		t.Errorf("%d of %d samples are in json.encode:\n%s", encode, all, p)
	}
	p = profileOf(t, s, 20, "GET /answer")
	outside, _ := flat(p, "[Go] outside of Lua")
	if all := total(p); outside*10 < all*6 {
		t.Errorf("%d of %d samples are outside of Lua:\n%s", outside, all, p)
	}
	if _, cum := flat(p, "GET /answer"); cum != total(p) {
		t.Errorf("%d of %d samples are below the route", cum, total(p))
	}
}

// A VM in which all wait has no samples to speak of, and its profile is still one that tools
// read.
func TestProfileOfAnIdleVM(t *testing.T) {
	s := newServer(t, hotScript, withBurst(time.Minute))
	p, err := s.vm.Profile(context.Background(), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if n := total(p); n != 0 {
		t.Errorf("%d samples:\n%s", n, p)
	}
	var out strings.Builder
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	if _, err := pprof.Parse(strings.NewReader(out.String())); err != nil {
		t.Error(err)
	}
}

func TestProfileOneAtATime(t *testing.T) {
	s := newServer(t, hotScript, withBurst(time.Minute))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := ErrProfiling
		for errors.Is(err, ErrProfiling) { // the other was first
			_, err = s.vm.Profile(ctx, time.Hour)
		}
		ended <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); ; {
		_, err := s.vm.Profile(context.Background(), time.Nanosecond)
		if errors.Is(err, ErrProfiling) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := s.vm.Profile(context.Background(), time.Nanosecond); err != nil {
		t.Errorf("after the other has ended: %v", err)
	}
	if s.vm.profile != nil {
		t.Error("the profile is still on")
	}
}
