package libraries

import (
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/lib"
)

type panics struct{}

func (panics) Library() *lib.Library { panic("no library") }

type empty struct{}

func (empty) Library() *lib.Library { return nil }

// A module that is no good is an error, whatever it does: Caddy goes on with the config before.
func TestModulesThatAreNoGood(t *testing.T) {
	for want, module := range map[string]any{
		"failed: no library":                   panics{},
		"has no library that can be opened":    empty{},
		"has no method Library() *lib.Library": 7,
	} {
		if _, err := libraryOf("x", module); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%T: got %v, want %q", module, err, want)
		}
	}
}
