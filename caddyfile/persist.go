package caddyfile

import (
	"cmp"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

const (
	// DefaultPersistInterval is 10 seconds: what a crash may take is little, and writing
	// some MiB that often is nothing to a disk.
	DefaultPersistInterval = 10 * time.Second

	// DefaultPersistSize is 16 MiB: the VM is held for some 100 ms while that much is
	// copied (BenchmarkState in package luart). It is also more than most storages that
	// are no file system take as one value unasked.
	DefaultPersistSize = 16 << 20
)

// The ranges.
const (
	// Each save looks at all of rover.state. More often than ten times a second it would
	// use up a VM with a state of some MiB.
	leastPersist = 100 * time.Millisecond
	mostPersist  = 24 * time.Hour
)

var persistSizes = sizes{"persist max_size", 1 << 10, 1 << 30, DefaultPersistSize, ""}

// Persist says how rover.state is saved, and with it what the VM keeps outside of Lua: its own store,
// with sessions and the counts of limits, and idempotent answers.
type Persist struct {
	// How often it is saved, if it has changed. What a process that is killed may lose is
	// what changed in this time. A duration, 100ms to 24h; 0 means only when the VM ends.
	// Default: 10s.
	Interval *caddy.Duration `json:"interval,omitempty"`

	// The largest snapshot. Bytes, 1024 to 1073741824 (1 GiB); 0 means the default,
	// 16777216 (16 MiB). Past it nothing is written: the last snapshot stays, and the log
	// names the largest tables. No request runs Lua while a snapshot is made, which takes
	// up to 7 ms for each MiB of it (more where small tables were filled key by key).
	MaxSize int64 `json:"max_size,omitempty"`
}

// Settings returns the interval, 0 for only at the end, and the largest size in bytes, with
// the defaults in place.
func (p Persist) Settings() (interval time.Duration, maxSize int64) {
	p.setDefaults()
	return time.Duration(*p.Interval), p.MaxSize
}

func (p *Persist) setDefaults() {
	if p.Interval == nil {
		interval := caddy.Duration(DefaultPersistInterval)
		p.Interval = &interval
	}
	p.MaxSize = cmp.Or(p.MaxSize, DefaultPersistSize)
}

func checkPersist(p *Persist) error {
	if p == nil {
		return nil
	}
	interval, size := p.Settings()
	return cmp.Or(checkPersistInterval(interval), persistSizes.check(size))
}

func checkPersistInterval(d time.Duration) error {
	if d == 0 { // only at the end
		return nil
	}
	if d < leastPersist || d > mostPersist {
		return fmt.Errorf("persist %v is out of range: %v to %v, or 0 for only at the end", d, leastPersist, mostPersist)
	}
	return nil
}

// parsePersist reads an interval and a block; both may be missing.
func (c *Config) parsePersist(d *caddyfile.Dispenser) error {
	c.Persist = new(Persist)
	if d.CountRemainingArgs() > 0 {
		c.Persist.Interval = new(caddy.Duration)
		if err := parseDuration(d, c.Persist.Interval, checkPersistInterval); err != nil {
			return err
		}
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "max_size":
			if c.Persist.MaxSize != 0 {
				return d.Err("option 'max_size' given twice in persist")
			}
			if err := parseSize(d, &c.Persist.MaxSize, persistSizes); err != nil {
				return err
			}
		default:
			return persistBlock.unknown(d)
		}
	}
	return nil
}
