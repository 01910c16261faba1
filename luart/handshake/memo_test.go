package handshake

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// world is a Memo in a time that stands, and what it asks.
type world struct {
	*Memo[string]
	at    time.Time
	asked atomic.Int64
	say   func(name string) (Answer[string], error)
}

func newWorld(say func(name string) (Answer[string], error)) *world {
	w := &world{at: time.Unix(1e9, 0), say: say}
	w.Memo = NewMemo[string](func() time.Time { return w.at })
	return w
}

func (w *world) get(epoch uint64, name string) (string, error) {
	return w.Get(context.Background(), context.Background(), epoch, name, func(_ context.Context, name string) (Answer[string], error) {
		w.asked.Add(1)
		return w.say(name)
	})
}

func (w *world) expect(t *testing.T, name, want string, asked int64) {
	t.Helper()
	got, err := w.get(1, name)
	if err != nil {
		got = err.Error()
	}
	if got != want || w.asked.Load() != asked {
		t.Errorf("%s: %q, asked %d times; want %q, %d times", name, got, w.asked.Load(), want, asked)
	}
}

func TestMemoRemembers(t *testing.T) {
	good := Answer[string]{Value: "yes", Good: true, For: time.Minute}
	var fails error
	w := newWorld(nil)
	w.say = func(name string) (Answer[string], error) {
		switch name {
		case "bad":
			return Answer[string]{Value: "no", For: 10 * time.Second}, fails
		case "now":
			return Answer[string]{Value: "now", Good: true}, fails
		case "stale":
			return Answer[string]{Value: "old", Good: true, For: time.Minute, Until: w.at.Add(time.Hour)}, fails
		}
		return good, fails
	}
	w.expect(t, "a", "yes", 1)
	w.expect(t, "a", "yes", 1)
	w.expect(t, "bad", "no", 2)
	w.expect(t, "bad", "no", 2)
	w.expect(t, "now", "now", 3) // is not remembered
	w.expect(t, "now", "now", 4)
	w.expect(t, "stale", "old", 5)
	w.at = w.at.Add(10 * time.Second)
	w.expect(t, "a", "yes", 5)
	w.expect(t, "bad", "no", 6)
	fails = errors.New("down")
	w.at = w.at.Add(time.Minute)
	w.expect(t, "a", "down", 7) // what was a yes is none any more
	w.expect(t, "a", "down", 7) // for a second nobody is asked
	w.expect(t, "stale", "old", 8)
	w.expect(t, "stale", "old", 8)
	w.at = w.at.Add(ErrorFor)
	w.expect(t, "a", "down", 9)
	w.expect(t, "stale", "old", 10)
	w.at = w.at.Add(time.Hour) // the last good answer is too old
	w.expect(t, "stale", "down", 11)
	fails = nil
	w.at = w.at.Add(ErrorFor)
	w.expect(t, "stale", "old", 12)
}

// What one script has said counts no more when another one is asked, also if it says it later.
func TestMemoEpoch(t *testing.T) {
	first, release := make(chan struct{}), make(chan struct{})
	var asked atomic.Int64
	w := newWorld(func(string) (Answer[string], error) {
		n := asked.Add(1)
		if n == 1 {
			close(first)
			<-release
		}
		return Answer[string]{Value: fmt.Sprint(n), Good: true, For: time.Minute}, nil
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if got, err := w.get(1, "a"); got != "1" || err != nil {
			t.Error(got, err)
		}
	})
	<-first
	if got, err := w.get(2, "a"); got != "2" || err != nil {
		t.Error(got, err)
	}
	close(release)
	wg.Wait()
	if got, err := w.get(2, "a"); got != "2" || err != nil || asked.Load() != 2 {
		t.Error(got, err, asked.Load())
	}
}

// One asks for a name, whoever leaves meanwhile; no more than MaxAsked names are asked for.
func TestMemoFlights(t *testing.T) {
	release := make(chan struct{})
	w := newWorld(func(name string) (Answer[string], error) {
		<-release
		return Answer[string]{Value: name, Good: true, For: time.Minute}, nil
	})
	leave, left := context.WithCancel(context.Background())
	left()
	for i := range MaxAsked {
		name := fmt.Sprint(i)
		_, err := w.Get(leave, context.Background(), 1, name, func(context.Context, string) (Answer[string], error) {
			w.asked.Add(1)
			return w.say(name)
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(i, err)
		}
	}
	if _, err := w.get(1, "one more"); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if got, err := w.get(1, "0"); got != "0" || err != nil {
				t.Error(got, err)
			}
		})
	}
	close(release)
	wg.Wait()
	for w.asked.Load() < MaxAsked { // those that nobody waits for any more
		runtime.Gosched()
	}
	if got, err := w.get(1, "1"); got != "1" || err != nil || w.asked.Load() != MaxAsked {
		t.Error(got, err, w.asked.Load())
	}
}

// Names that nobody has do not push those out that somebody has, and what is remembered is bounded.
func TestMemoBounds(t *testing.T) {
	w := newWorld(func(name string) (Answer[string], error) {
		if name == "good" {
			return Answer[string]{Value: name, Good: true, For: time.Minute}, nil
		}
		return Answer[string]{For: time.Minute}, nil
	})
	w.expect(t, "good", "good", 1)
	for i := range 2 * MaxGood {
		w.expect(t, fmt.Sprint("bad", i), "", int64(i)+2)
	}
	w.expect(t, "good", "good", 2*MaxGood+1)
	if w.bad.Len() != MaxBad || w.good.Len() != 1 || len(w.flights) != 0 {
		t.Errorf("%d bad, %d good, %d asked for", w.bad.Len(), w.good.Len(), len(w.flights))
	}
}

// Who is asked cannot end the process, nor leave those behind who wait.
func TestMemoPanic(t *testing.T) {
	w := newWorld(func(string) (Answer[string], error) { panic("oops") })
	w.expect(t, "a", "panic: oops", 1)
}
