package cli

import (
	"fmt"
	"os"
	"strings"
	"time"
)

const topHelp = `  q, Ctrl-C        quit
  s, left, right   sort routes by another column
  p, space         pause, and go on
  ?, h             this help`

// top is caddy rover top in a terminal.
type top struct {
	ask      func() (look, error)
	tick     <-chan time.Time
	stop     <-chan os.Signal
	interval time.Duration

	before look   // the last one; zero: the next one is the first again
	rates  *rates // of the last interval; nil: there was none yet
	by     int    // the column that routes are sorted by
	paused bool
	help   bool
	failed error // of the last look
}

// answer is what asking has brought.
type answer struct {
	look
	err error
}

// run shows what happens until somebody quits.
func (t *top) run(s *screen) error {
	t.by = topBy
	answers := make(chan answer, 1)
	asking := false // so that a Caddy that does not answer is not asked again, and keys go on working
	for {
		if err := s.show(t.heading(), t.text()); err != nil {
			return err
		}
		select {
		case <-t.stop:
			return nil
		case k, ok := <-s.keys:
			if !ok || t.press(k) {
				return nil
			}
		case <-t.tick:
			if t.paused || asking {
				continue
			}
			asking = true
			go func() {
				l, err := t.ask()
				answers <- answer{l, err}
			}()
		case a := <-answers:
			asking = false
			t.take(a)
		}
	}
}

// take takes what asking has brought, unless it came while nothing is to change.
func (t *top) take(a answer) {
	if t.paused {
		return
	}
	if t.failed = a.err; a.err != nil {
		t.before = look{}
		return
	}
	if r, ok := ratesBetween(t.before, a.look); ok && !t.before.At.IsZero() {
		t.rates = &r
	}
	t.before = a.look
}

// press does what a key is for, and reports whether it quits.
func (t *top) press(k key) (quit bool) {
	if t.help { // any key ends it, these do so, too
		t.help = false
		return k == "q" || k == keyCtrlC
	}
	switch k {
	case "q", keyCtrlC:
		return true
	case "s", keyRight:
		t.by = (t.by + 1) % len(topColumns)
	case keyLeft:
		t.by = (t.by + len(topColumns) - 1) % len(topColumns)
	case "p", " ":
		if t.paused = !t.paused; !t.paused {
			t.before = look{} // the pause is no interval
		}
	case "?", "h":
		t.help = true
	}
	return false
}

// heading is the first line.
func (t *top) heading() string {
	state := "every " + t.interval.String()
	if t.paused {
		state = "paused"
	}
	return fmt.Sprintf(" rover top  %s, by %s   q quit  s sort  p pause  ? help", state, topColumns[t.by].title)
}

// text is what stands below.
func (t *top) text() string {
	var b strings.Builder
	if t.failed != nil {
		fmt.Fprintf(&b, "%s\n\n", printable(t.failed.Error()))
	}
	switch {
	case t.help:
		return topHelp
	case t.rates == nil:
		fmt.Fprintf(&b, "the first figures come after %v", t.interval)
	default:
		_ = printTop(&b, *t.rates, t.by) // a strings.Builder takes all
	}
	return b.String()
}
