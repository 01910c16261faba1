package eventloop

import (
	"context"
	"errors"
	"testing"
)

// Inspect runs where Do is refused for what waits, and is not counted as a refusal.
func TestInspect(t *testing.T) {
	l := New(Config[*int]{NewThread: func() *int { return new(int) }, Limits: Limits{MaxWaiting: 1}})
	release, waits, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- l.Do(background, func(*int) error {
			l.Detach(nil, func() { close(waits); <-release })
			return nil
		})
	}()
	<-waits
	ran := false
	if err := l.Inspect(background, func(*int) error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("ran %v, error %v", ran, err)
	}
	if n := l.Stats().Refused.Total(); n != 0 {
		t.Errorf("%d refusals", n)
	}
	if err := l.Do(background, func(*int) error { return nil }); !errors.Is(err, ErrTooManyWaiting) {
		t.Errorf("Do: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}

	free := occupy(t, l)
	ctx, cancel := context.WithCancel(background)
	cancel()
	if err := l.Inspect(ctx, func(*int) error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	free()
	l.Close(background)
	if err := l.Inspect(background, func(*int) error { t.Error("ran"); return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
