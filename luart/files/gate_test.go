package files

import (
	"context"
	"errors"
	"testing"

	"github.com/caddy-rover/rover/luart/giveup"
)

// What a file system does not answer holds up nobody, and keeps its place.
func TestGate(t *testing.T) {
	g := NewGate()
	answer := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	left := make(chan error)
	for range MaxAtOnce {
		go func() {
			_, err := Call(ctx, g, func() (int, error) { began <- struct{}{}; <-answer; return 0, nil })
			left <- err
		}()
		<-began
	}
	cancel()
	for range MaxAtOnce {
		if err := <-left; !errors.Is(err, giveup.ErrNoAnswer) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := Call(ctx, g, func() (int, error) { return 1, nil }); !errors.Is(err, giveup.ErrNoAnswer) {
		t.Errorf("one too many: got %v", err)
	}
	close(answer)
	if n, err := Call(t.Context(), g, func() (int, error) { return 7, nil }); n != 7 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}
