package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// soak sends requests at a steady rate through api.proxy to upstreams that misbehave. Each answer
// carries its request's id, in its headers and all over its body: an answer that is another's, or
// none at all, is found.
type soak struct {
	duration time.Duration
	rate     int // requests/s
	clients  int
	h1, h2c  string // ports of the server

	serial atomic.Int64 // the last request

	mu     sync.Mutex
	count  map[string]int // by kind and outcome
	faults []string       // the first ones
	faulty int
}

// kind is a sort of request: what its upstream does with it, and how that may end.
type kind struct {
	name   string
	weight int
	method string
	body   bool     // the request has one
	leaves bool     // the client does not wait for the end of the answer
	want   []string // outcomes
}

// Outcomes of a request. An answer that is not exactly the request's own has none of them.
const (
	whole  = "whole"
	cut    = "cut"    // the head and a part of the body
	failed = "failed" // 502
	left   = "left"
)

// kinds are what happens to requests. A POST may meet a connection that the upstream has closed just
// then, and is not sent twice.
var kinds = []kind{
	{name: "plain", weight: 400, method: "GET", want: []string{whole}},
	{name: "chunked", weight: 100, method: "GET", want: []string{whole}},
	{name: "big", weight: 20, method: "GET", want: []string{whole}},
	{name: "head", weight: 20, method: "HEAD", want: []string{whole}},
	{name: "empty", weight: 20, method: "GET", want: []string{whole}},
	{name: "unchanged", weight: 20, method: "GET", want: []string{whole}},
	{name: "hints", weight: 20, method: "GET", want: []string{whole}},
	{name: "slow", weight: 30, method: "GET", want: []string{whole}},
	{name: "drip", weight: 20, method: "GET", want: []string{whole}},
	{name: "post", weight: 100, method: "POST", body: true, want: []string{whole, failed}},
	{name: "early", weight: 30, method: "POST", body: true, want: []string{whole, failed}},
	{name: "close", weight: 30, method: "GET", want: []string{whole}},
	{name: "shut", weight: 30, method: "GET", want: []string{whole}},
	{name: "late", weight: 30, method: "GET", want: []string{whole}},
	{name: "double", weight: 20, method: "GET", want: []string{whole}},
	{name: "until-close", weight: 20, method: "GET", want: []string{whole}},
	{name: "reset", weight: 20, method: "GET", want: []string{failed}},
	{name: "half-head", weight: 20, method: "GET", want: []string{failed}},
	{name: "garbage", weight: 10, method: "GET", want: []string{failed}},
	{name: "cut", weight: 20, method: "GET", want: []string{cut, failed}},
	{name: "cut-chunked", weight: 20, method: "GET", want: []string{cut, failed}},
	{name: "slow", weight: 10, method: "GET", leaves: true, want: []string{left}},
	{name: "drip", weight: 10, method: "GET", leaves: true, want: []string{left}},
}

// ways are the routes of soakScript.
var ways = []string{"one", "list", "pick", "ctx"}

const soakScript = `
local api = rover.server {}
local up, dead = rover.config.upstream, rover.config.dead
function api.one.any() return api.proxy(up) end
function api.list.any() return api.proxy({ dead, up }) end
local function pick(ctx, attempt) return attempt == 1 and up or nil end
function api.pick.any() return api.proxy(nil, { pick = pick }) end
function api.ctx.any(ctx) return ctx:proxy(up) end
return api
`

const soakCaddyfile = `{
	admin unix/{$ADMIN}
	auto_https off
	log {
		level ERROR
	}
	servers {
		protocols h1 h2c
	}
}
http://127.0.0.1:{$SOAK} {
	rover soak.lua {
		queue 65536
		set upstream {$UPSTREAM}
		set dead {$DEAD}
	}
}
`

// asked is one request.
type asked struct {
	kind
	id  string
	way string
}

func (s *soak) next(r *rand.Rand) asked {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := r.IntN(total)
	i := 0
	for n >= kinds[i].weight {
		n -= kinds[i].weight
		i++
	}
	return asked{kind: kinds[i], id: fmt.Sprint(s.serial.Add(1)), way: ways[r.IntN(len(ways))]}
}

// requestBody is the body of a request with one.
func (a asked) requestBody() string {
	if !a.body {
		return ""
	}
	if a.name == "early" {
		return strings.Repeat(a.id+" ", 10_000)
	}
	return a.id
}

// answerBody is what the upstream answers a request.
func answerBody(name, id string) string {
	switch name {
	case "empty", "unchanged":
		return ""
	case "big":
		return strings.Repeat(id+" ", 20_000)
	}
	return strings.Repeat(id+" ", 20)
}

// answer is what a client has got.
type answer struct {
	status int
	id     string // of its header
	body   string
	err    error // that ended the body
}

// outcome returns what has become of a request, and an error for what must not be.
func (a asked) outcome(got answer) (string, error) {
	switch {
	case got.status == 502 && got.id == "" && got.body == "" && got.err == nil:
		return failed, nil
	case got.id != a.id:
		return "", fmt.Errorf("status %d with the id %q", got.status, got.id)
	}
	want, status := answerBody(a.name, a.id), 200
	switch {
	case a.method == "HEAD":
		want = ""
	case a.name == "empty":
		status = 204
	case a.name == "unchanged":
		status = 304
	}
	switch {
	case got.status != status:
		return "", fmt.Errorf("status %d, %d expected", got.status, status)
	case !strings.HasPrefix(want, got.body):
		return "", fmt.Errorf("the body %.200q, %.200q expected", got.body, want)
	case got.err != nil:
		return cut, nil
	case got.body != want:
		return "", fmt.Errorf("%d bytes of the body, as if that were all of %d", len(got.body), len(want))
	}
	return whole, nil
}

// note counts a request.
func (s *soak) note(proto string, a asked, outcome string, err error) {
	if err == nil && !slices.Contains(a.want, outcome) {
		err = fmt.Errorf("it was %s", outcome)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.faulty++
		if s.count[a.name+" WRONG"] < 3 {
			s.faults = append(s.faults, fmt.Sprintf("%s %s /%s %s, request %s: %v", proto, a.method, a.way, a.name, a.id, err))
		}
		outcome = "WRONG"
	}
	s.count[a.name+" "+outcome]++
}

// run sends requests until the time is over, and says every minute how the server fares.
func (s *soak) run(ctx context.Context, srv *caddy, admin *adminClient) error {
	s.count = map[string]int{}
	began := time.Now()
	sending, cancel := context.WithTimeout(ctx, s.duration)
	defer cancel()
	var due atomic.Int64
	// wait waits until the next request is due, and reports whether there is one.
	wait := func() bool {
		at := began.Add(time.Duration(due.Add(1)) * time.Second / time.Duration(s.rate))
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		select {
		case <-t.C:
			return sending.Err() == nil
		case <-sending.Done():
			return false
		}
	}
	var wg sync.WaitGroup
	for i := range s.clients {
		r := rand.New(rand.NewPCG(uint64(i), uint64(began.UnixNano())))
		wg.Go(func() {
			if i%8 == 7 {
				s.overH2(wait, r)
			} else {
				s.overH1(wait, r)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	minute := time.NewTicker(min(time.Minute, max(s.duration/2, time.Second)))
	defer minute.Stop()
	for {
		select {
		case <-minute.C:
			s.tell(ctx, time.Since(began), srv, admin)
			continue
		case <-done:
		}
		break
	}
	s.tell(ctx, time.Since(began), srv, admin)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.count)) {
		fmt.Printf("         %-22s %d\n", key, s.count[key])
	}
	if s.faulty > 0 {
		return fmt.Errorf("%d wrong or lost answers, the first:\n%s", s.faulty, strings.Join(s.faults, "\n"))
	}
	if s.serial.Load() == 0 {
		return errors.New("nothing was sent")
	}
	return nil
}

// tell prints a line about the server.
func (s *soak) tell(ctx context.Context, d time.Duration, srv *caddy, admin *adminClient) {
	s.mu.Lock()
	faulty := s.faulty
	s.mu.Unlock()
	n := s.serial.Load()
	rss, _ := srv.resident("VmRSS")
	goroutines, err := admin.goroutines(ctx)
	if err != nil {
		fmt.Println("         goroutines:", err)
	}
	fmt.Printf("soak     %8v %10d requests, %5.0f/s, %d wrong; RSS %.0f MiB, %d goroutines, %d open files, CPU %v\n",
		d.Round(time.Second), n, float64(n)/d.Seconds(), faulty, rss, goroutines, srv.files(), srv.cpuTime().Round(time.Second))
}
