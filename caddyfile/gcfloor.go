package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-rover/rover/internal/gcfloor"
)

var gcFloors = sizes{"gc_floor", gcfloor.Min, gcfloor.Max, gcfloor.Default, ", or off"}

// parseGCFloor reads below which size of the heap nothing is collected.
func (g *Global) parseGCFloor(d *caddyfile.Dispenser) error {
	g.GCFloor = new(int64)
	if d.CountRemainingArgs() == 1 {
		if d.NextArg(); d.Val() == "off" {
			return nil
		}
		d.Prev()
	}
	return parseSize(d, g.GCFloor, gcFloors) // 0 is off in JSON only
}

func checkGCFloor(floor *int64) error {
	if floor == nil || *floor == 0 {
		return nil
	}
	return gcFloors.check(*floor)
}
