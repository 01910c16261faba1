package caddyfile

import (
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/caddy-rover/rover/internal/gcfloor"
)

// ParseGCFloor reads gc_floor of the global option: below which size of the heap nothing is collected,
// in bytes; 0: off.
func ParseGCFloor(d *caddyfile.Dispenser) (*int64, error) {
	floor := new(int64)
	if d.CountRemainingArgs() == 1 {
		if d.NextArg(); d.Val() == "off" {
			return floor, nil
		}
		d.Prev()
	}
	return floor, parseSize(d, floor, func(bytes int64) error {
		if bytes == 0 { // that is off in JSON only
			return floorError(bytes)
		}
		return CheckGCFloor(&bytes)
	})
}

// CheckGCFloor returns an error for a floor out of range; nil is the default.
func CheckGCFloor(floor *int64) error {
	if floor != nil && *floor != 0 && (*floor < gcfloor.Min || *floor > gcfloor.Max) {
		return floorError(*floor)
	}
	return nil
}

func floorError(bytes int64) error {
	return fmt.Errorf("gc_floor is %d bytes; %s to %s, or off, expected", bytes, humanize.IBytes(gcfloor.Min), humanize.IBytes(gcfloor.Max))
}
