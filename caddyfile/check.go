package caddyfile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The ranges.
const (
	// A JSON number without a unit is nanoseconds, so a limit below a millisecond
	// is a forgotten unit ("timeout": 30), and no request could meet it.
	minLimit = time.Millisecond

	// Reading a few files takes some 50 µs: 100 times a second is half a percent of a
	// processor. Past an hour nobody would call it watching.
	leastWatch = 10 * time.Millisecond
	mostWatch  = time.Hour

	// Nobody else runs Lua during a burst; longer work belongs in a call that waits.
	maxBurst = time.Minute
)

// The ranges of whole numbers.
var (
	// A batch of 1024 tasks of 10 µs takes as long as the scheduler's own time
	// slice; past it a holder would not let others have the processor at all.
	batches = counts{1, 1024, DefaultBatch}

	// With 15 µs a task the last of 65536 waits for a second; a client that sees
	// 503 and comes again is served sooner.
	queues = counts{1, 65536, DefaultQueue}

	// At 20 KB each a million waiting requests are 20 GB: past it memory ends first.
	waiting = counts{1, 1_000_000, DefaultMaxWaiting}
)

// The ranges of sizes.
var (
	// Larger bodies are for the upstream to stream, not for a Lua string.
	bodies = sizes{"max_body", 1, 1 << 30, DefaultMaxBody, ""}

	// More than disks for temporary files hold.
	uploads = sizes{"max_upload", 1, 1 << 40, 100 << 20, ""}

	// Networks that are as fast are no clients.
	rates = sizes{"body_min_rate", 0, 1 << 30, DefaultBodyMinRate, " a second"}

	// The libraries of a VM alone take some 200 KiB.
	memories = sizes{"memory", 1 << 20, 1 << 40, 256 << 20, ""}
)

func checkScript(script string) error {
	if script == "" {
		return errors.New("script is missing")
	}
	return checkPrintable("script", script)
}

// checkName judges a name that somebody wrote; an absent one has a default.
func checkName(name string) error {
	if name == "" {
		return errors.New("name is empty")
	}
	return checkNameText(name)
}

var placeholder = regexp.MustCompile(`\{[^{}]+\}`)

// checkNameText refuses placeholders: a VM is made before there is anything to replace them with.
func checkNameText(name string) error {
	if found := placeholder.FindString(name); found != "" {
		return fmt.Errorf("name %q has the placeholder %s, which nothing replaces; {$VARIABLE} in a Caddyfile is replaced", name, found)
	}
	return checkPrintable("name", name)
}

func checkExplain(key string) error {
	if key == "" {
		return errors.New("explain is empty")
	}
	return checkPrintable("explain", key)
}

func checkUnmatched(what string) error {
	if what != UnmatchedPass && what != UnmatchedRespond {
		return fmt.Errorf("unmatched '%s' is unknown: %s or %s", what, UnmatchedPass, UnmatchedRespond)
	}
	return nil
}

func checkQueueTimeout(d time.Duration) error { return checkLimit("queue_timeout", d) }

// checkPriority judges a priority that somebody wrote.
func checkPriority(value string) error {
	if value == "" {
		return errors.New("priority is empty")
	}
	return checkPrintable("priority", value)
}

func checkTimeout(d time.Duration) error { return checkLimit("timeout", d) }

func checkBurst(d time.Duration) error { return checkRange("burst", d, minLimit, maxBurst) }

func checkBurstFits(burst, timeout time.Duration) error {
	if burst > timeout {
		return fmt.Errorf("burst %v is longer than timeout %v", burst, timeout)
	}
	return nil
}

func checkMemory(sizeBytes int64) error {
	if sizeBytes == 0 { // no limit
		return nil
	}
	return memories.check(sizeBytes)
}

func checkOnFailure(what string) error {
	if what != FailClosed && what != FailPass {
		return fmt.Errorf("on_failure '%s' is unknown: %s or %s", what, FailClosed, FailPass)
	}
	return nil
}

func checkQuarantine(what string) error {
	if what != Fail500 && what != FailPass {
		return fmt.Errorf("quarantine '%s' is unknown: %s or %s", what, Fail500, FailPass)
	}
	return nil
}

func checkSet(set map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if err := checkSetKey(key); err != nil {
			return err
		}
	}
	return nil
}

func checkSetKey(key string) error {
	if key == "" {
		return errors.New("set key is empty")
	}
	if key == "load" || key == "from_env" {
		return fmt.Errorf("set key '%s': rover.config.%[1]s is a function", key)
	}
	return checkPrintable("set key", key)
}

func checkWatch(watch bool, interval time.Duration) error {
	switch {
	case interval == 0:
		return nil
	case !watch:
		return errors.New("watch_interval is given, but watch is not")
	}
	return checkWatchInterval(interval)
}

// checkWatchInterval judges an interval that somebody wrote.
func checkWatchInterval(d time.Duration) error {
	return checkRange("watch", d, leastWatch, mostWatch)
}

// checkLimit refuses a duration that is no limit anybody could mean.
func checkLimit(option string, d time.Duration) error {
	if d < minLimit {
		return fmt.Errorf("%s %v is out of range: at least %v", option, d, minLimit)
	}
	return nil
}

// checkRange refuses v outside [low, high].
func checkRange[T int | int64 | time.Duration](option string, v, low, high T) error {
	if v < low || v > high {
		return fmt.Errorf("%s %v is out of range: %v to %v", option, v, low, high)
	}
	return nil
}

// counts is a range of whole numbers, with one that is usual.
type counts struct{ low, high, usual int }

func (in counts) check(option string, n int) error { return checkRange(option, n, in.low, in.high) }

// sizes is the range of an option in bytes, with a size that is usual, and what goes on behind it:
// "a second", or what may be given in place of a size.
type sizes struct {
	option           string
	low, high, usual int64
	more             string
}

func (in sizes) String() string { return sizeText(in.low) + " to " + sizeText(in.high) + in.more }

func (in sizes) check(bytes int64) error {
	if bytes < in.low || bytes > in.high {
		return fmt.Errorf("%s %s is out of range: %v", in.option, sizeText(bytes), in)
	}
	return nil
}

// sizeText writes a size as it is written in a Caddyfile: exactly, in the largest unit.
func sizeText(bytes int64) string {
	if bytes == 0 {
		return "0"
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	unit := 0
	for bytes%1024 == 0 {
		bytes, unit = bytes/1024, unit+1
	}
	return strconv.FormatInt(bytes, 10) + units[unit]
}

// checkPrintable refuses what would break a log line, a metric label or a path.
func checkPrintable(option, s string) error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s %q contains a control character", option, s)
	}
	return nil
}
