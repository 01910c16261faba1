package glua

import (
	"fmt"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// version is of the gopher-lua that is known here.
const version = "v1.1.2"

// Check fails where the build has a gopher-lua that is not the one known here. Another plugin of
// the same build may ask for a newer one. Any goroutine may call it.
func Check() error { return check() }

var check = sync.OnceValue(func() error {
	for _, part := range []struct {
		name  string
		known bool
	}{
		{"the fields of a Lua thread", layout.known},
		{"the fields of a table", tablesKnown},
		{"the fields of a function's prototype", protoKnown},
		{"the instructions of its virtual machine", lua.OP_NOP == 41 && knownInstructions()},
	} {
		if !part.known {
			return fmt.Errorf("this build has another gopher-lua than rover knows: %s have changed; "+
				"build with github.com/yuin/gopher-lua@%s", part.name, version)
		}
	}
	return nil
})
