// Command load measures what the plugin costs: it starts a real Caddy, drives pairs of
// sites in turn over keep-alive connections, and prints their requests/s, latencies, what the
// server's process spends on a request (Linux), and the ratio of the two. On machines with two cores or more the server runs on one and
// the load on another.
//
//	go run ./integration_test/load            everything, about 3 minutes
//	go run ./integration_test/load -pairs hello,proxy -n 10
//	go run ./integration_test/load -table     CPU times beside nginx and HAProxy, about 9 minutes
//	go run ./integration_test/load -soak 1h
//
// It ends with an error only for a wrong answer, never for a slow one. -table prints the tables of
// docs/performance.md. The last form measures nothing: it
// sends requests to upstreams that misbehave, and looks for lost and mixed answers.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// pair is two sites that do the same, ours with the plugin.
type pair struct {
	name, what string
	path       string // with the plugin
	ours, base string // ports' names in the Caddyfile
	basePath   string
	body       string // what both answer
	budget     float64
}

const hello = `{"message":"hello from Lua"}`

var pairs = []pair{
	{"hello", "a Lua answer beside respond", "/", "OURS", "RESPOND", "/", hello, 0.92},
	{"proxy", "a Lua decision and api.proxy beside reverse_proxy", "/shop/x", "OURS", "PROXY", "/shop/x", upstreamBody, 0.96},
	{"lean", "reverse_proxy with the transport rover_lean beside its own", "/x", "LEAN", "PROXY", "/x", upstreamBody, 0},
	{"pass", "no route matches, beside no directive", "/x", "PASS", "RESPOND", "/", hello, 0.99},
	{"after", "an after hook that sets a header, beside respond", "/x", "AFTER", "RESPOND", "/", hello, 0},
	{"header", "an after hook that sets a header of what reverse_proxy gets, beside reverse_proxy", "/x", "HEADER", "PROXY", "/x", upstreamBody, 0},
	{"chunk", "64 KiB through res:on_chunk as they are, beside reverse_proxy", "/page", "CHUNK", "PROXY", "/page", page, 0},
}

// names are what -pairs may name.
var names = []string{"hello", "proxy", "lean", "pass", "after", "header", "chunk", "waiting"}

func main() {
	log.SetFlags(0)
	var (
		clients  = flag.Int("c", 64, "connections")
		duration = flag.Duration("d", 3*time.Second, "length of one run")
		rounds   = flag.Int("n", 5, "runs of each side, in turn")
		which    = flag.String("pairs", strings.Join(names, ","), "what to measure")
		waiting  = flag.Int("waiting", 10_000, "requests that wait at once")
		waitIn   = flag.String("in", strings.Join(waitNames(), ","), "what the requests of -pairs waiting wait in, one kind after the other")
		soaking  = flag.Duration("soak", 0, "do not measure: send requests to upstreams that misbehave for so long, and check every answer")
		rate     = flag.Int("rate", 3000, "requests/s of -soak")
		tabled   = flag.Bool("table", false, "measure Caddy, nginx and HAProxy where they are installed, and print tables in Markdown")
		cpu      = flag.Bool("cpu", runtime.NumCPU() > 1, "give the server a core of its own, with taskset")
	)
	flag.Parse()
	if *tabled || *soaking > 0 {
		flag.Visit(func(f *flag.Flag) {
			if slices.Contains([]string{"pairs", "waiting", "in"}, f.Name) || *tabled && f.Name == "soak" {
				log.Fatalf("-%s has no effect with -table or -soak: leave one away", f.Name)
			}
		})
	}
	if *clients < 1 || *rounds < 1 || *waiting < 1 || *duration <= 0 || *rate < 1 {
		log.Fatal("-c, -d, -n, -waiting and -rate must be above zero")
	}
	wanted := strings.Split(*which, ",")
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			log.Fatalf("unknown pair %q: there are %s", name, strings.Join(names, ", "))
		}
	}
	waitsIn := strings.Split(*waitIn, ",")
	for _, name := range waitsIn {
		if !slices.Contains(waitNames(), name) {
			log.Fatalf("-in has %q: there are %s", name, strings.Join(waitNames(), ", "))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *soaking > 0 {
		if err := runSoak(ctx, *soaking, *rate, *clients); err != nil {
			log.Fatal(err)
		}
		return
	}
	if *tabled {
		if err := runTable(ctx, *clients, *duration, *rounds, *cpu); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(ctx, wanted, *clients, *duration, *rounds, *waiting, waitsIn, *cpu); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, which []string, clients int, duration time.Duration, rounds, waiting int, waitsIn []string, cpu bool) error {
	dir, err := os.MkdirTemp("", "rover-load")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := buildCaddy(ctx, dir); err != nil {
		return err
	}
	var prefix []string
	if cpu {
		if prefix, err = pin(ctx); err != nil {
			log.Printf("the server shares its core with the load: %v", err)
		}
	}
	up, err := startUpstream()
	if err != nil {
		return err
	}
	defer up.stop()
	if !slices.Equal(which, []string{"waiting"}) {
		if err := measurePairs(ctx, dir, prefix, up.address, which, clients, duration, rounds); err != nil {
			return err
		}
	}
	if !slices.Contains(which, "waiting") {
		return nil
	}
	for _, w := range waits {
		if !slices.Contains(waitsIn, w.name) {
			continue
		}
		files, err := raiseFiles(w.files*waiting + otherFiles)
		if err != nil {
			return err
		}
		n := min(waiting, (files-otherFiles)/w.files)
		srv, err := startCaddy(ctx, dir, prefix, up.address) // a new one: its memory is measured
		if err != nil {
			return err
		}
		err = w.measure(ctx, srv, up, n, duration)
		srv.stop()
		if err != nil {
			return fmt.Errorf("waiting in %s: %w", w.what, err)
		}
	}
	return nil
}

func measurePairs(ctx context.Context, dir string, prefix []string, upstream string, which []string, clients int, duration time.Duration, rounds int) error {
	srv, err := startCaddy(ctx, dir, prefix, upstream)
	if err != nil {
		return err
	}
	defer srv.stop()
	for _, p := range pairs {
		if !slices.Contains(which, p.name) {
			continue
		}
		if err := p.measure(ctx, srv, clients, duration, rounds); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// measure drives both sides in turn and prints one line for each, and the ratio.
func (p *pair) measure(ctx context.Context, srv *caddy, clients int, duration time.Duration, rounds int) error {
	ours := load{port: srv.ports[p.ours], path: p.path, body: p.body, clients: clients, duration: duration}
	base := load{port: srv.ports[p.base], path: p.basePath, body: p.body, clients: clients, duration: duration}
	for _, l := range []load{ours, base} { // warm both up
		l.duration = duration / 4
		if _, err := l.run(ctx); err != nil {
			return err
		}
	}
	var a, b []result
	var ratios []float64
	for i := range rounds {
		sides := []*load{&ours, &base}
		if i%2 == 1 { // neither side is always first
			sides[0], sides[1] = sides[1], sides[0]
		}
		for _, l := range sides {
			spent := srv.cpuTime()
			r, err := l.run(ctx)
			if err != nil {
				return err
			}
			r.cpu = (srv.cpuTime() - spent) / time.Duration(r.requests)
			if l == &ours {
				a = append(a, r)
			} else {
				b = append(b, r)
			}
		}
		ratios = append(ratios, a[i].rate/b[i].rate)
	}
	slices.Sort(ratios)
	budget := ""
	if p.budget > 0 {
		budget = fmt.Sprintf(", budget %.2f", p.budget)
	}
	fmt.Printf("%-8s %s\n", p.name, p.what)
	fmt.Printf("         rover %s\n         base  %s\n", median(a), median(b))
	fmt.Printf("         ratio %.3f (%.3f to %.3f in %d rounds)%s\n", ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], rounds, budget)
	return nil
}

// median returns the run whose rate is in the middle.
func median(rs []result) result {
	rs = slices.Clone(rs)
	slices.SortFunc(rs, func(a, b result) int { return cmp.Compare(a.rate, b.rate) })
	return rs[len(rs)/2]
}
