package caddyfile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// The ranges.
const (
	// A batch of 1024 tasks of 10 µs takes as long as the scheduler's own time
	// slice; past it a holder would not let others have the processor at all.
	maxBatch = 1024

	// With 15 µs a task the last of 65536 waits for a second; a client that sees
	// 503 and comes again is served sooner.
	maxQueue = 65536

	// At 20 KB each a million waiting requests are 20 GB: past it memory ends first.
	maxMaxWaiting = 1_000_000

	// A JSON number without a unit is nanoseconds, so a limit below a millisecond
	// is a forgotten unit ("timeout": 30), and no request could meet it.
	minLimit = time.Millisecond

	// Reading a few files takes some 50 µs: 100 times a second is half a percent of a
	// processor. Past an hour nobody would call it watching.
	leastWatch = 10 * time.Millisecond
	mostWatch  = time.Hour

	// Nobody else runs Lua during a burst; longer work belongs in a call that waits.
	maxBurst = time.Minute

	// Bytes. Larger bodies are for the upstream to stream, not for a Lua string.
	largestBody = 1 << 30

	// Bytes. More than disks for temporary files hold.
	largestUpload = 1 << 40

	// Bytes per second. Networks that are as fast are no clients.
	fastestBody = 1 << 30

	// Bytes. The libraries of a VM alone take some 200 KiB.
	leastMemory = 1 << 20
	mostMemory  = 1 << 40
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

func checkBatch(tasks int) error { return checkRange("batch", tasks, 1, maxBatch) }

func checkQueue(tasks int) error { return checkRange("queue", tasks, 1, maxQueue) }

func checkQueueTimeout(d time.Duration) error { return checkLimit("queue_timeout", d) }

func checkMaxWaiting(requests int) error {
	return checkRange("max_waiting", requests, 1, maxMaxWaiting)
}

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

func checkMaxBody(sizeBytes int64) error {
	if err := checkRange("max_body", sizeBytes, 1, largestBody); err != nil {
		return fmt.Errorf("%w bytes", err)
	}
	return nil
}

func checkMaxUpload(sizeBytes int64) error {
	if err := checkRange("max_upload", sizeBytes, 1, largestUpload); err != nil {
		return fmt.Errorf("%w bytes", err)
	}
	return nil
}

func checkBodyMinRate(bytesPerSecond int64) error {
	if err := checkRange("body_min_rate", bytesPerSecond, 0, fastestBody); err != nil {
		return fmt.Errorf("%w bytes per second", err)
	}
	return nil
}

func checkMemory(sizeBytes int64) error {
	if sizeBytes == 0 { // no limit
		return nil
	}
	return checkMemoryLimit(sizeBytes)
}

// checkMemoryLimit judges a limit that somebody wrote.
func checkMemoryLimit(sizeBytes int64) error {
	if err := checkRange("memory", sizeBytes, leastMemory, mostMemory); err != nil {
		return fmt.Errorf("%w bytes", err)
	}
	return nil
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

// checkPrintable refuses what would break a log line, a metric label or a path.
func checkPrintable(option, s string) error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s %q contains a control character", option, s)
	}
	return nil
}
