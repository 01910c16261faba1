package caddyfile

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// A store with its defaults is valid still: Caddy validates after placeholders were replaced.
func TestStoreIsValidWithItsDefaults(t *testing.T) {
	for _, test := range []struct{ store, want Store }{
		{Store{}, Store{URL: "memory"}},
		{Store{URL: "memory"}, Store{URL: "memory"}},
		{Store{URL: "{env.STORE}", Password: "p"}, Store{URL: "memory"}},
		{Store{URL: "redis://h", Password: "{env.STORE}"}, Store{
			URL: "redis://h", Password: "memory", Prefix: "rover:", Timeout: caddy.Duration(time.Second),
		}},
	} {
		c := Config{Script: "app.lua"}
		c.SetDefaults()
		c.SetStore(&test.store, func(s string) string { return strings.ReplaceAll(s, "{env.STORE}", "memory") })
		if *c.Store != test.want {
			t.Errorf("%+v: got %+v, want %+v", test.store, *c.Store, test.want)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", test.store, err)
		}
	}
}
