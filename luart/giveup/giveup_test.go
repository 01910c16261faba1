package giveup

import (
	"context"
	"errors"
	"sync"
	"testing"
)

var background = context.Background()

func TestDo(t *testing.T) {
	var calls Calls[int]
	failed := errors.New("failed")
	if n, err := calls.Do(background, "a", func() (int, error) { return 7, failed }); n != 7 || !errors.Is(err, failed) {
		t.Errorf("%d, %v", n, err)
	}
	if len(calls.underWay) != 0 {
		t.Errorf("%d calls are under way", len(calls.underWay))
	}
}

// A call that does not return holds nobody longer than he wants, and one of them is left behind.
func TestGivesUp(t *testing.T) {
	var calls Calls[int]
	hang, begun := make(chan struct{}), make(chan struct{}, 10)
	call := func() (int, error) {
		begun <- struct{}{}
		<-hang
		return 1, nil
	}
	gone, cancel := context.WithCancel(background)
	cancel()
	for range 3 {
		if _, err := calls.Do(gone, "a", call); !errors.Is(err, ErrNoAnswer) || !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
	<-begun
	if len(begun) != 0 {
		t.Errorf("%d more calls were begun", len(begun))
	}
	if n, err := calls.Do(background, "b", func() (int, error) { return 2, nil }); n != 2 || err != nil {
		t.Errorf("another key: %d, %v", n, err)
	}
	close(hang)
	if n, err := calls.Do(background, "a", func() (int, error) { return 3, nil }); n != 3 || err != nil {
		t.Errorf("got %d, %v: the answer to a question that was asked before", n, err)
	}
}

// Calls of one key never overlap, and each gets its own answer.
func TestOneAtATime(t *testing.T) {
	var calls Calls[int]
	var all sync.WaitGroup
	running := 0 // the race detector sees two at once
	for i := range 50 {
		all.Go(func() {
			n, err := calls.Do(background, "a", func() (int, error) {
				running++
				defer func() { running-- }()
				return i*10 + running, nil
			})
			if n != i*10+1 || err != nil {
				t.Errorf("call %d: got %d, %v", i, n, err)
			}
		})
	}
	all.Wait()
}
