package eventloop

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// The rivals of Loop.Do, doing the same for an empty task: run it alone, and return
// to the caller when it has run.

type doer interface {
	do(ctx context.Context, fn func(*int) error) error
	stop()
}

type loopDoer struct{ l *Loop[*int] }

func (d loopDoer) do(ctx context.Context, fn func(*int) error) error { return d.l.Do(ctx, fn) }
func (d loopDoer) stop()                                             { d.l.Close(context.Background()) }

type mutexDoer struct {
	mu sync.Mutex
	n  int
}

func (d *mutexDoer) do(_ context.Context, fn func(*int) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fn(&d.n)
}
func (d *mutexDoer) stop() {}

// chanDoer is the usual owner goroutine: a buffered channel in, a pooled reply
// channel back. With batch > 1 the owner takes what is ready before it replies.
type chanDoer struct {
	in    chan *chanTask
	pool  sync.Pool
	batch int
	done  chan struct{}
}

type chanTask struct {
	fn    func(*int) error
	reply chan error
}

func newChanDoer(batch int) *chanDoer {
	d := &chanDoer{in: make(chan *chanTask, 4096), batch: batch, done: make(chan struct{})}
	go d.own()
	return d
}

func (d *chanDoer) own() {
	defer close(d.done)
	n := 0
	tasks := make([]*chanTask, 0, d.batch)
	errs := make([]error, 0, d.batch)
	for t := range d.in {
		tasks, errs = append(tasks[:0], t), errs[:0]
	fill:
		for len(tasks) < d.batch {
			select {
			case t, ok := <-d.in:
				if !ok {
					break fill
				}
				tasks = append(tasks, t)
			default:
				break fill
			}
		}
		for _, t := range tasks {
			errs = append(errs, t.fn(&n))
		}
		for i, t := range tasks {
			t.reply <- errs[i]
		}
	}
}

func (d *chanDoer) do(ctx context.Context, fn func(*int) error) error {
	t, _ := d.pool.Get().(*chanTask)
	if t == nil {
		t = &chanTask{reply: make(chan error, 1)}
	}
	t.fn = fn
	d.in <- t
	var err error
	select {
	case err = <-t.reply:
	case <-ctx.Done():
		return ctx.Err()
	}
	d.pool.Put(t)
	return err
}

func (d *chanDoer) stop() { close(d.in); <-d.done }

func empty(*int) error { return nil }

func BenchmarkDo(b *testing.B) {
	kinds := []struct {
		name string
		new  func() doer
	}{
		{"loop", func() doer { return loopDoer{newIntLoop(4096, 32)} }},
		{"mutex", func() doer { return &mutexDoer{} }},
		{"chan", func() doer { return newChanDoer(1) }},
		{"chanbatch", func() doer { return newChanDoer(32) }},
	}
	for _, kind := range kinds {
		for _, p := range []int{1, 2, 8, 64, 1024} {
			b.Run(fmt.Sprintf("%s/p=%d", kind.name, p), func(b *testing.B) {
				d := kind.new()
				defer d.stop()
				produce(b, p, d)
			})
		}
	}
}

// produce runs b.N empty tasks from p producers.
func produce(b *testing.B, p int, d doer) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range p {
		wg.Add(1)
		go func() {
			defer wg.Done()
			ctx, cancel := context.WithCancel(context.Background()) // as each request's: it can end
			defer cancel()
			const chunk = 64 // one shared counter must not be what is measured
			for {
				n := left.Add(-chunk) + chunk
				if n <= 0 {
					return
				}
				for range min(n, chunk) {
					if err := d.do(ctx, empty); err != nil {
						b.Error(err)
						return
					}
				}
			}
		}()
	}
	wg.Wait()
}

func BenchmarkDetach(b *testing.B) {
	for _, p := range []int{1, 8, 1024} {
		b.Run(fmt.Sprintf("p=%d", p), func(b *testing.B) {
			l := newIntLoop(4096, 32)
			defer l.Close(context.Background())
			produce(b, p, detachDoer{l})
		})
	}
}

type detachDoer struct{ l *Loop[*int] }

func (d detachDoer) do(ctx context.Context, _ func(*int) error) error {
	return d.l.Do(ctx, func(*int) error {
		d.l.Detach(nil, func() {})
		return nil
	})
}
func (d detachDoer) stop() {}
