package luart

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/limit"
)

// LimitedError says that a limit of the script does not let a request through.
type LimitedError struct {
	Rule  string
	Retry time.Duration // when it may be let through; 0: it is not known
	Err   error         // the store has not answered; nil: too many requests came
}

func (e *LimitedError) Error() string {
	if e.Err != nil {
		return "limit " + e.Rule + ": the store has not answered" // why is in the log, not for clients
	}
	return "limit " + e.Rule + ": too many requests"
}

func (e *LimitedError) Unwrap() error { return e.Err }

// Answer implements Refusal.
func (e *LimitedError) Answer() (status int, header http.Header, body []byte) {
	if e.Err != nil {
		return http.StatusServiceUnavailable, retryAfter(e.Retry), []byte(`{"error":"the limit cannot be asked"}`)
	}
	return http.StatusTooManyRequests, retryAfter(e.Retry), []byte(`{"error":"Too many requests"}`)
}

// retryAfter says when it is worth another try; 0: that is not known.
func retryAfter(d time.Duration) http.Header {
	if d <= 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.FormatInt(wholeSeconds(d), 10)}}
}

func (rule *limitRule) stage() stage {
	if rule.key.claim != "" {
		return stageClaimLimit
	}
	return stageLimit
}

func (rule *limitRule) before() *handler { return rule.asHook }

// admit asks the limit. The headers tell the client of the one that leaves it the least.
func (rule *limitRule) admit(x *Exchange, headers http.Header) error {
	began := x.traceBegan()
	key, err := rule.key.of(x)
	if err != nil {
		x.traceRule("limit", rule.name, rule.where, began, err.Error())
		return err
	}
	d := rule.limiter.Allow(x.r.Context(), key, rule.cost)
	if x.trace != nil {
		x.traceLimit(rule, began, d)
	}
	x.limits.tell(headers, rule, d)
	if d.Allowed {
		return nil
	}
	limited := &LimitedError{Rule: rule.name, Retry: d.Retry}
	if !d.TooOften() {
		limited.Err = d.Err
	}
	return limited
}

// limitsTold is which limit the client is told of: the one that leaves the least, or has refused it.
type limitsTold struct {
	any  bool
	left int64
}

// tell sets the headers, if none was told that leaves less.
func (told *limitsTold) tell(headers http.Header, rule *limitRule, d limit.Decision) {
	if told.any && told.left <= d.Remaining && d.Allowed {
		return
	}
	told.any, told.left = true, d.Remaining
	headers["Ratelimit-Limit"] = []string{strconv.FormatInt(rule.limiter.Rate().Burst, 10)}
	headers["Ratelimit-Remaining"] = []string{strconv.FormatInt(d.Remaining, 10)}
	headers["Ratelimit-Reset"] = []string{strconv.FormatInt(wholeSeconds(d.Reset), 10)}
}

// traceLimit says what a rule has decided. The time is that of the store, where it was asked.
func (x *Exchange) traceLimit(rule *limitRule, began time.Time, d limit.Decision) {
	result := "denied"
	if d.Allowed {
		result = fmt.Sprintf("allowed, %d of %d left", d.Remaining, rule.limiter.Rate().Burst)
	}
	if d.Err != nil {
		result += ", without the store: " + d.Err.Error()
	}
	x.traceRule("limit", rule.name, rule.where, began, result)
}

func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// limitCounts are the counts of the limits of a VM, by their names: they go on across reloads.
type limitCounts struct {
	mu     sync.Mutex
	byName map[string]*limit.Counts
}

func (c *limitCounts) of(name string) *limit.Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byName == nil {
		c.byName = map[string]*limit.Counts{}
	}
	if c.byName[name] == nil {
		c.byName[name] = new(limit.Counts)
	}
	return c.byName[name]
}

// LimitCounts returns how often the limits of the VM's scripts have let requests through, by
// their names. Any goroutine may call it.
func (vm *VM) LimitCounts() map[string]*limit.Counts {
	vm.limits.mu.Lock()
	defer vm.limits.mu.Unlock()
	return maps.Clone(vm.limits.byName)
}
