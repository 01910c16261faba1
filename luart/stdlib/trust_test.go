package stdlib

import (
	"runtime"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// Environments that a script makes for each request are forgotten when they are gone.
func TestTrustDomainForgets(t *testing.T) {
	d := &TrustDomain{env: &lua.LTable{}}
	kept := &lua.LTable{}
	d.give(kept)
	for range 10 {
		for range 1000 {
			d.give(&lua.LTable{})
		}
		runtime.GC()
	}
	d.give(&lua.LTable{})
	for range 2000 {
		d.give(&lua.LTable{})
	}
	if len(d.envs) > 5000 {
		t.Errorf("%d environments are remembered", len(d.envs))
	}
	if !d.owns(&lua.LFunction{Env: kept}) || d.owns(&lua.LFunction{Env: &lua.LTable{}}) || d.owns(nil) {
		t.Error("it does not know its own")
	}
	runtime.KeepAlive(kept)
}
