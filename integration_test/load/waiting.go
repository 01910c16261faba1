package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// wait is something that requests wait in.
type wait struct {
	name, what string
	site, path string // that they ask for
	upload     bool   // they send a body, the rest of which comes when they have waited
	counter    string // who knows how many wait
	files      int    // that one takes: the client's connection, the upstream's
}

// Who knows how many requests wait.
const (
	script  = "script"
	service = "upstream"
	inCaddy = "metric"
)

// queued is the metric of those that inCaddy counts.
const queued = `caddy_rover_concurrency\{[^}]*state="waiting"[^}]*\} (\d+)`

var waits = []wait{
	{"sleep", "rover.sleep", "OURS", "/sleep", false, script, 1},
	{"body", "ctx:body, of which half has come", "OURS", "/body", true, script, 1},
	{"queue", "concurrency, for a place", "OURS", "/queue", false, inCaddy, 1},
	{"http", "rover.http.get", "OURS", "/http", false, script, 2},
	{"lean", "api.proxy", "OURS", "/shop/slow", false, service, 2},
	{"caddy", "api.proxy with Caddy's transport", "HTTP", "/shop/slow", false, service, 2},
	{"base", "reverse_proxy, without the plugin", "PROXY", "/slow", false, service, 2},
}

// waitNames are the names of waits.
func waitNames() (names []string) {
	for _, w := range waits {
		names = append(names, w.name)
	}
	return names
}

// otherFiles are what the processes need beside those of waiting handlers.
const otherFiles = 512

// measure lets many requests wait at once, and measures the memory that takes, and what it does
// to the latency of others, beside the same server when the same connections are idle.
func (w *wait) measure(ctx context.Context, srv *caddy, up *upstream, n int, duration time.Duration) error {
	duration = min(duration, 30*time.Second) // the site's timeout is 60s
	others := load{port: srv.ports["OURS"], path: "/", body: hello, clients: 8, duration: duration}
	conns := make([]*conn, n)
	for i := range conns {
		var err error
		if conns[i], err = dial(ctx, srv.ports[w.site]); err != nil {
			return err
		}
		defer conns[i].close()
		if err := conns[i].get(w.idle()); err != nil { // Caddy has its buffers and goroutine now
			return err
		}
	}
	before, err := others.run(ctx)
	if err != nil {
		return err
	}
	idle, err := srv.memory(ctx)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	rest := make(chan struct{}) // closed when the rest of bodies is to be sent
	release := sync.OnceFunc(func() { close(rest) })
	defer release()
	start := time.Now()
	seconds := 15*time.Second + duration // longer than they take to arrive
	path := fmt.Sprintf("%s?s=%.1f", w.path, seconds.Seconds())
	for _, c := range conns {
		wg.Go(func() {
			var err error
			if w.upload {
				err = c.post(ctx, path, w.body(), rest)
			} else {
				err = c.get(path, w.body())
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	together, err := w.untilWaiting(ctx, srv, up, n, start.Add(seconds))
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	arrived := fmt.Sprintf("they arrived within %v", time.Since(start).Round(time.Millisecond))
	if !together {
		arrived = "NOT all at once: the last had not arrived when the first was done"
	}
	during, err := others.run(ctx) // all of them wait
	if err != nil {
		return err
	}
	busy, err := srv.memory(ctx)
	if err != nil {
		return err
	}
	release()
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	each := func(f func(memory) float64) float64 { return (f(busy) - f(idle)) * 1024 / float64(n) }
	fmt.Printf("waiting  %d requests in %s at once; %s, all were answered\n", n, w.what, arrived)
	fmt.Printf("         memory at the peak %.0f MiB, with the connections idle %.0f MiB: %.0f MiB more, budget 400 MiB\n",
		busy.peak, idle.peak, busy.peak-idle.peak)
	fmt.Printf("         of a request that waits, without garbage: %.1f KiB of heap, %.1f KiB of stacks\n",
		each(func(m memory) float64 { return m.heap }), each(func(m memory) float64 { return m.stacks }))
	fmt.Printf("         others beside idle    %s\n         others beside waiting %s\n", before, during)
	return nil
}

// idle is what each connection has asked for before, and the answer: the same handler, which does
// not wait.
func (w *wait) idle() (path, body string) {
	if w.counter == service {
		return strings.TrimSuffix(w.path, "slow") + "x", upstreamBody
	}
	return "/", hello
}

// body is what a request that has waited is answered with.
func (w *wait) body() string {
	if w.counter == service {
		return upstreamBody
	}
	return hello
}

// untilWaiting returns true as soon as n requests wait, and false if they do not until
// end, when the first of them is done.
func (w *wait) untilWaiting(ctx context.Context, srv *caddy, up *upstream, n int, end time.Time) (bool, error) {
	control, err := dial(ctx, srv.ports["OURS"])
	if err != nil {
		return false, err
	}
	defer control.close()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil {
		wait := false
		switch w.counter {
		case script:
			err := control.get(fmt.Sprintf("/waiting/%d", n), hello)
			var status *statusError
			if err != nil && !(errors.As(err, &status) && status.status == http.StatusNotFound) {
				return false, err
			}
			wait = err == nil
		case service:
			wait = int(up.slow.Load()) == n
		case inCaddy:
			now, err := srv.metric(ctx, queued)
			if err != nil {
				return false, err
			}
			wait = int(now) == n-1
		}
		if wait || time.Now().After(end) {
			return wait, nil
		}
		<-again.C
	}
	return false, context.Cause(ctx)
}

// raiseFiles lets this process, and those that it starts from now on, open n files, or as
// many as the system permits. It returns how many that are.
func raiseFiles(n int) (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("reading the limit of open files: %w", err)
	}
	want := syscall.Rlimit{Cur: max(limit.Cur, uint64(n)), Max: max(limit.Max, uint64(n))}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want) == nil {
		return int(want.Cur), nil
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raising the limit of open files to %d: %w", limit.Cur, err)
	}
	return int(limit.Cur), nil
}
