package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-rover/rover/internal/gcfloor"
)

var gcFloors = sizes{"gc_floor", gcfloor.Min, gcfloor.Max, gcfloor.Default, ", or off"}

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
	return floor, parseSize(d, floor, gcFloors) // 0 is off in JSON only
}

// CheckGCFloor returns an error for a floor out of range; nil is the default.
func CheckGCFloor(floor *int64) error {
	if floor == nil || *floor == 0 {
		return nil
	}
	return gcFloors.check(*floor)
}
