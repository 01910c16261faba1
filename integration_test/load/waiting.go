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

// measureWaiting lets many handlers wait at once, and measures the memory that takes
// and what it does to the latency of others.
func measureWaiting(ctx context.Context, srv *caddy, n int, duration time.Duration) error {
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
	wait := fmt.Sprintf("/wait?s=%.1f", seconds.Seconds())
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
	fmt.Printf("waiting  %d handlers in rover.sleep at once; %s, all were answered\n", n, arrived)
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

// raiseFiles lets this process, and those that it starts from now on, open as many files
// as n connections take.
func raiseFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	limit.Cur = max(limit.Cur, uint64(n)+1024)
	limit.Max = max(limit.Max, limit.Cur)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raising the limit of open files to %d: %w", limit.Cur, err)
	}
	return nil
}
