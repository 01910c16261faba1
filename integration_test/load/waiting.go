package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// waits are the calls that handlers wait in.
var waits = []struct {
	call  string
	path  string // whose handler does
	files int    // that a handler takes: the client's connection, the upstream's
}{
	{"rover.sleep", "/sleep", 1},
	{"rover.http.get", "/http", 2},
}

// otherFiles are what the processes need beside those of waiting handlers.
const otherFiles = 512

// measureWaiting lets many handlers wait at once in a call of Lua's, and measures the
// memory that takes and what it does to the latency of others.
func measureWaiting(ctx context.Context, srv *caddy, call, path string, n int, duration time.Duration) error {
	duration = min(duration, 30*time.Second) // the site's timeout is 60s
	alone := load{srv.ports["OURS"], "/", hello, 8, duration}
	before, err := alone.run(ctx)
	if err != nil {
		return err
	}
	conns := make([]*conn, n)
	for i := range conns {
		if conns[i], err = dial(ctx, alone.port); err != nil {
			return err
		}
		defer conns[i].close()
		if err := conns[i].get("/", hello); err != nil { // Caddy has its buffers and goroutine now
			return err
		}
	}
	idle, err := srv.memory("VmRSS")
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	start := time.Now()
	seconds := 4*time.Second + duration // longer than they take to arrive
	wait := fmt.Sprintf("%s?s=%.1f", path, seconds.Seconds())
	for _, c := range conns {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := c.get(wait, hello); err != nil {
				cancel(err)
			}
		}()
	}
	control, err := dial(ctx, alone.port)
	if err != nil {
		return err
	}
	defer control.close()
	together, err := control.untilWaiting(ctx, n, start.Add(seconds))
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	arrived := fmt.Sprintf("they arrived within %v", time.Since(start).Round(time.Millisecond))
	if !together {
		arrived = "NOT all at once: the last had not arrived when the first was done"
	}
	during, err := alone.run(ctx) // all of them wait
	if err != nil {
		return err
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	peak, err := srv.memory("VmHWM")
	if err != nil {
		return err
	}
	fmt.Printf("waiting  %d handlers in %s at once; %s, all were answered\n", n, call, arrived)
	fmt.Printf("         memory with %d idle connections %.0f MiB, peak %.0f MiB: %.1f KiB a waiting handler, budget 400 MiB\n",
		n, idle, peak, (peak-idle)*1024/float64(n))
	fmt.Printf("         others alone  %s\n         others beside %s\n", before, during)
	return nil
}

// untilWaiting returns true as soon as n handlers wait, and false if they do not until
// end, when the first of them is done.
func (c *conn) untilWaiting(ctx context.Context, n int, end time.Time) (bool, error) {
	for ctx.Err() == nil {
		err := c.get(fmt.Sprintf("/waiting/%d", n), hello)
		var status *statusError
		if !errors.As(err, &status) || status.status != http.StatusNotFound {
			return err == nil, err
		}
		if time.Now().After(end) {
			return false, nil
		}
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
