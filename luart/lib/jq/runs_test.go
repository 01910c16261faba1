package jq

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/libtest"
)

// with is rover.jq with runs of its own.
func with(r *runs) *lib.Library {
	l := *Library
	l.NewState = func(vm lib.VM) any {
		s := Library.NewState(vm).(*state)
		s.runs = r
		return s
	}
	return &l
}

// One that is given up in a builtin has its place until the builtin ends.
func TestGivenUp(t *testing.T) {
	r := newRuns()
	r.time = time.Nanosecond
	hang, gone := make(chan struct{}), make(chan struct{})
	work := func(context.Context) ([][]byte, error) { <-hang; close(gone); return nil, nil }
	if _, err := r.run(t.Context(), work); !errors.Is(err, errTime) {
		t.Error(err)
	}
	if len(r.places) != 1 {
		t.Errorf("%d places are taken", len(r.places))
	}
	for len(r.places) < cap(r.places) {
		r.places <- struct{}{}
	}
	if _, err := r.run(t.Context(), work); !errors.Is(err, errBusy) {
		t.Errorf("a run beyond: %v", err)
	}
	close(hang)
	<-gone
	r.places <- struct{}{} // one is free again
}

// The end of a request ends its wait, and its run.
func TestRequestEnds(t *testing.T) {
	r := newRuns()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := r.run(ctx, func(ctx context.Context) ([][]byte, error) { cancel(); <-ctx.Done(); return nil, context.Cause(ctx) })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A panic of a builtin is an error.
func TestPanic(t *testing.T) {
	_, err := newRuns().run(t.Context(), func(context.Context) ([][]byte, error) { panic("no") })
	if fmt.Sprint(err) != "no" {
		t.Error(err)
	}
}

// While programs run, and wait for their turn, others have the VM. Where too many wait, the next
// one is a 503 at once.
func TestOffTheVM(t *testing.T) {
	r := newRuns()
	r.time = time.Hour
	vm := libtest.New(t, with(r))
	for range cap(r.places) {
		r.places <- struct{}{}
	}
	got := make(chan string, 1)
	go func() {
		text, err := vm.Eval(context.Background(), `return rover.jq.compile(".a"):first { a = 7 }`)
		if err != nil {
			text = err.Error()
		}
		got <- text
	}()
	for r.callers.Load() == 0 {
		runtime.Gosched()
	}
	vm.Expect(t, `return 1`, "1")
	r.callers.Add(int64(cap(r.places) + MaxWaiting - 1))
	vm.Expect(t, `local _, err = pcall(function() rover.jq.compile("."):first(1) end) return err.status, err`,
		"503 | jq: too many programs run at once: try again later")
	r.callers.Add(-int64(cap(r.places) + MaxWaiting - 1))
	for range cap(r.places) {
		<-r.places
	}
	if text := <-got; text != "7" {
		t.Error(text)
	}
}

// What never ends, in steps or in a builtin, is a 503, and others go on.
func TestTime(t *testing.T) {
	r := newRuns()
	r.time = 50 * time.Millisecond
	vm := libtest.New(t, with(r))
	for _, program := range []string{
		"def f: f; f", "last(repeat(1))", "reduce range(infinite) as $i (0; . + 1)",
		"[range(8000)] - [range(8000; 16000)] | 1", // a builtin
	} {
		vm.Expect(t, `local _, err = pcall(function() rover.jq.compile("`+program+`"):first(1) end) return err.status, err`, "503 | "+errTime.Error())
		vm.Expect(t, `return 1`, "1")
		for len(r.places) > 0 {
			runtime.Gosched() // until it has really ended
		}
	}
}

func TestOptions(t *testing.T) {
	vm := libtest.New(t, with(newRuns()))
	vm.Expect(t, `return rover.jq.compile("$a | length", "a", { max = "1MiB" }):first(1, ("x"):rep(1000000))`, "1000000")
	vm.Expect(t, `local p = rover.jq.compile("length", { max = "1KiB" }) return pcall(p.first, p, ("x"):rep(1022)), p:first(("x"):rep(1022))`, "true | 1022")
	vm.Expect(t, `local p = rover.jq.compile("length", { max = "1KiB" }) return select(2, pcall(p.first, p, ("x"):rep(1023))).status`, "413")
	for _, size := range []string{`"2MiB"`, `"0"`, `1000`, `"x"`} {
		got, err := vm.Eval(t.Context(), `rover.jq.compile(".", { max = `+size+` })`)
		if err != nil || !strings.Contains(got, "a size up to 1MiB") {
			t.Errorf("%s: %s, %v", size, got, err)
		}
	}
}

// A search does not keep its place once its time is over, however long it would take.
func TestSearchEnds(t *testing.T) {
	r := newRuns()
	r.time = 50 * time.Millisecond
	vm := libtest.New(t, with(r))
	got, err := vm.Eval(t.Context(), `rover.jq.compile('"x" * 60000 | [match("(x*)*y|x"; "g")] | length'):first(1)`)
	if err != nil || !strings.Contains(got, "jq: the program has run for") {
		t.Errorf("%s, %v", got, err)
	}
	r.idle()
}
