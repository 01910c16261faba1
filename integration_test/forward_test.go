package integration_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The same requests to the same upstreams go through reverse_proxy and through a script's
// api.proxy in each of its ways. What the upstream received is the same byte for byte, and so is what
// the client received and what the access log says of it. Where a way is to do other than
// reverse_proxy, the case says so, and why.
func TestForward(t *testing.T) {
	cases := forwardCases()
	names := map[string]bool{}
	for _, c := range cases {
		if names[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		names[c.name] = true
	}
	f := newForward(t)
	f.expectCounts(t)
	f.expectInFlight(t)
	began := time.Now()
	runs := f.runAll(cases)
	t.Logf("%d cases, %d runs in %v", len(cases), len(runs), time.Since(began).Round(time.Millisecond))
	f.stop()
	f.expectNoOtherFault()
	f.readLog(t, runs)
	byCase := map[*forwardCase][]*run{}
	for _, r := range runs {
		byCase[r.c] = append(byCase[r.c], r)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.compare(t, byCase[c]) })
	}
}

// forwardCase is a request, or some, and what the upstream does with it.
type forwardCase struct {
	name string
	clientRequest
	block   string // of options, by its name in forwardBlocks
	unix    bool   // the upstream listens on a Unix socket
	trusted bool   // the client is a trusted proxy
	protos  []int  // all if there are none
	reuses  bool   // it is about a second request on the upstream's first connection
	ways    []string

	answer string         // what the upstream answers each request with
	up     func(*upConn)  // what it does instead, for each connection
	client func(*run)     // what the client does instead of sending the request and reading the answer
	want   string         // a part of what is seen of reverse_proxy over HTTP/1.1, or of the first way and protocol
	never  string         // what no client may see
	differ []forwardOther // what is to differ
	log    []string       // fields of the access log that depend on time
	chance *regexp.Regexp // what is seen or not by chance
}

// forwardOther is a difference that is meant: what is seen of the ways is that of the first way with
// one text for another. Without from they are like each other, and have the text.
type forwardOther struct {
	ways     []string
	protos   []int // all if there are none
	from, to string
	why      string
}

// forwardSame are texts that mean the same, everywhere.
var forwardSame = []struct {
	ways    []string
	pattern *regexp.Regexp
	with    string
	why     string
}{
	{
		ways: scriptWays, pattern: regexp.MustCompile(`"rp_retries":\d+`), with: `"rp_retries":0`,
		why: "reverse_proxy counts a retry for each time that a script's list had ended",
	},
	{
		ways:    []string{"ctx"},
		pattern: regexp.MustCompile(`(?m)^X-Rp: .*\{http\.reverse_proxy\.status_code\}.*$`),
		with:    "X-Rp: of a 1xx",
		why:     "the placeholders of a ctx:proxy that is under way are not the request's yet",
	},
}

// serve is what the upstream does with a connection.
func (c *forwardCase) serve(conn *upConn) {
	if c.up != nil {
		c.up(conn)
		return
	}
	for conn.next() {
		conn.say(c.answer)
	}
}

// run is one case by one way over one protocol.
type run struct {
	c       *forwardCase
	forward *forward
	way     string
	proto   int
	port    string // of the site

	id       string
	up       *upServer
	answered atomic.Int64 // answers that answering has given

	mu    sync.Mutex
	seen  strings.Builder
	got   []byte // of bodies that were cut
	steps map[string]chan struct{}

	conn   net.Conn // over HTTP/1.1
	in     *bufio.Reader
	broken bool // the connection has nothing more to say
}

func (r *run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.seen, format+"\n", args...)
}

// step is closed by reach, and awaited by wait: an order of what both sides do.
func (r *run) step(name string) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.steps[name] == nil {
		if r.steps == nil {
			r.steps = map[string]chan struct{}{}
		}
		r.steps[name] = make(chan struct{})
	}
	return r.steps[name]
}

func (r *run) reach(name string) {
	step := r.step(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-step:
	default:
		close(step)
	}
}

func (r *run) wait(name string) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-r.step(name):
	case <-timeout.C:
		r.note("NEVER came to %q", name)
	}
}

// marks are headers for the site alone: which upstream and which options.
func (r *run) marks() string {
	marks := "X-Up: " + r.up.name() + "\r\nX-Run: " + r.id + "\r\n"
	if r.c.block != "" {
		marks += "X-Block: " + r.c.block + "\r\n"
	}
	return marks
}

// String is what both ends have seen, and the log.
func (r *run) String() string { return r.seen.String() }

// reuseTries is how often a run is tried that is to use a connection again. http.Transport closes one
// whose writing goroutine has not reported within 50 ms, as may happen where there is much to do.
const reuseTries = 10

func (r *run) execute() {
	for range reuseTries {
		// With an id of its own: the log has lines of each try.
		*r = run{id: fmt.Sprintf("run-%d.", r.forward.runs.Add(1)), c: r.c, forward: r.forward, way: r.way, proto: r.proto, port: r.port}
		if r.once(); !r.c.reuses || r.up != nil && r.up.reused() {
			return
		}
	}
}

func (r *run) once() {
	up, err := startUp(r)
	if err != nil {
		r.note("%v", err)
		return
	}
	r.up = up
	if r.c.client != nil {
		r.c.client(r)
	} else {
		r.do(r.c.clientRequest)
	}
	r.endH1()
	got := up.end()
	r.note("%s", got)
	text := r.seen.String()
	r.seen.Reset()
	r.seen.WriteString(mask(r.unnamed(text)))
}

// unnamed is a text without what is the run's own.
func (r *run) unnamed(text string) string {
	text = strings.ReplaceAll(text, r.id, "RUN")
	return strings.ReplaceAll(strings.ReplaceAll(text, r.up.name(), "UP"), r.port, "PORT")
}

// forwardPatience is how long a run waits for what must happen.
const forwardPatience = patience

// forwardRuns is how many runs are under way at once.
const forwardRuns = 6

func (f *forward) runAll(cases []*forwardCase) (runs []*run) {
	free := make(chan struct{}, forwardRuns)
	var wg sync.WaitGroup
	for _, c := range cases {
		for _, way := range c.waysOr() {
			for _, proto := range c.protosOr() {
				if way == "rover_lean" && proto > 1 && len(c.protosOr()) > 1 {
					continue // what it does is what lean does
				}
				r := &run{c: c, forward: f, way: way, proto: proto, port: f.port(way, proto, c.trusted)}
				runs = append(runs, r)
				free <- struct{}{}
				wg.Go(func() {
					defer func() { <-free }()
					r.execute()
				})
			}
		}
	}
	wg.Wait()
	return runs
}

func (c *forwardCase) waysOr() []string {
	if c.ways != nil {
		return c.ways
	}
	if c.block != "" && forwardBlocks[c.block].scriptOnly {
		return scriptWays
	}
	return forwardWays
}

func (c *forwardCase) protosOr() []int {
	switch {
	case c.protos != nil:
		return c.protos
	case c.raw != "", c.trusted, c.host != "":
		return []int{1}
	}
	return []int{1, 2, 3}
}

// closing is where net/http closes the connection of a client if not all of the body has come by then.
var closing = regexp.MustCompile(`(?m)^Connection: close\n`)

// used is where another connection is used if the one before is not back in the pool of
// http.Transport, which may take a little.
var used = regexp.MustCompile(`upstream, connection:\n`)

// probed is what there may be of a request over HTTP/3, which does not say that it has no body, if a
// transport has not seen that in time.
var probed = regexp.MustCompile(`Transfer-Encoding: chunked\r\n|(?m)^body, chunked: ""\n`)

// forget removes what is seen by chance.
func (r *run) forget(chance *regexp.Regexp) {
	seen := chance.ReplaceAllString(r.String(), "")
	r.seen.Reset()
	r.seen.WriteString(seen)
}

// compare compares all ways with the first one.
func (c *forwardCase) compare(t *testing.T, runs []*run) {
	if !strings.Contains(runs[0].String(), c.want) || c.want == "" {
		t.Errorf("%s over HTTP/%d does not have %q:\n%.3000s", runs[0].way, runs[0].proto, c.want, runs[0])
	}
	reference := map[string]string{}
	for _, r := range runs {
		if c.chance != nil {
			r.forget(c.chance)
		}
		if r.proto == 3 {
			r.forget(probed)
		}
		if strings.Contains(r.String(), "NEVER") {
			t.Errorf("%s over HTTP/%d waits without end:\n%.3000s", r.way, r.proto, r)
		}
		if c.never != "" && strings.Contains(r.String()+string(r.got), c.never) {
			t.Errorf("the client of %s over HTTP/%d sees %q:\n%s\n%q", r.way, r.proto, c.never, r, r.got)
		}
		if more := appended.Find(r.got); more != nil {
			t.Errorf("behind a body that was cut the client of %s over HTTP/%d sees %q", r.way, r.proto, more)
		}
		first := fmt.Sprint(runs[0].way, r.proto)
		if r.way == runs[0].way {
			reference[first] = r.String()
			continue
		}
		got, want, like := r.String(), reference[first], runs[0].way
		for _, d := range c.differ {
			if !slices.Contains(d.ways, r.way) || d.protos != nil && !slices.Contains(d.protos, r.proto) {
				continue
			}
			switch own := fmt.Sprint(d.to, r.proto); {
			case d.from != "" && !strings.Contains(want, d.from):
				t.Errorf("%s over HTTP/%d has no %q to differ: %s", like, r.proto, d.from, d.why)
			case d.from != "":
				want = strings.ReplaceAll(want, d.from, d.to)
			case strings.Contains(want, d.to) || !strings.Contains(got, d.to):
				t.Errorf("%s over HTTP/%d does not have %q, or %s has: %s\n%.3000s", r.way, r.proto, d.to, like, d.why, r)
			case reference[own] == "":
				reference[own], want = got, got
			default:
				want, like = reference[own], fmt.Sprint("another of ", d.ways)
			}
		}
		for _, m := range forwardSame {
			if slices.Contains(m.ways, r.way) {
				got, want = m.pattern.ReplaceAllString(got, m.with), m.pattern.ReplaceAllString(want, m.with)
			}
		}
		if r.proto == 3 && strings.Contains(want, ", cut") && short(got) == short(want) {
			continue // a reset may overtake what was sent before, with the head
		}
		if got != want {
			t.Errorf("%s over HTTP/%d differs from %s:\n%s", r.way, r.proto, like, lineDiff(want, got))
		}
	}
}

// appended are words that nobody has sent in a body that was cut.
var appended = regexp.MustCompile(`EOF|Bad Gateway|HTTP/1\.1|error|cut`)

// short is what is certain where the answer is cut: what the upstream has got.
func short(seen string) string {
	_, upstream, _ := strings.Cut(seen, "upstream, connection")
	upstream, _, _ = strings.Cut(upstream, "log:")
	return upstream
}

// lineDiff shows the lines that only one of two texts has.
func lineDiff(want, got string) string {
	var out strings.Builder
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range a {
		if !slices.Contains(b, line) {
			fmt.Fprintf(&out, "- %.600s\n", line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			fmt.Fprintf(&out, "+ %.600s\n", line)
		}
	}
	if out.Len() == 0 {
		fmt.Fprintf(&out, "the same lines in another order:\n%s\n%s", want, got)
	}
	return out.String()
}

func (f *forward) roundTripper(r *run) http.RoundTripper { return f.clients[r.way].over(r.proto) }
