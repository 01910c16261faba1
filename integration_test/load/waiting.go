package main

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// measureWaiting lets many handlers wait at once, and measures the memory that takes
// and what it does to the latency of others.
func measureWaiting(ctx context.Context, srv *caddy, n int, duration time.Duration) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(n) + 4096, Max: uint64(n) + 4096}); err != nil {
		return fmt.Errorf("raising the limit of open files: %w", err)
	}
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
	wait := fmt.Sprintf("/wait?s=%.1f", 4+duration.Seconds()) // longer than they take to arrive
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
	for control.get(fmt.Sprintf("/waiting/%d", n), hello) != nil {
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	arrived := time.Since(start)
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
	fmt.Printf("waiting  %d handlers in rover.sleep at once; they arrived within %v, all were answered\n", n, arrived.Round(time.Millisecond))
	fmt.Printf("         memory with %d idle connections %.0f MiB, peak %.0f MiB: %.1f KiB a waiting handler, budget 400 MiB\n",
		n, idle, peak, (peak-idle)*1024/float64(n))
	fmt.Printf("         others alone  %s\n         others beside %s\n", before, during)
	return nil
}
