package integration_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/caddy-rover/rover/luart/geo/geotest"
)

// cmdGeoFile is geofile <file> <network>=<country>...: it puts a database of MaxMind's format in the
// place of a file, at once.
func cmdGeoFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: geofile <file> <network>=<country>...")
	}
	records := map[string]any{}
	for _, arg := range args[1:] {
		network, country, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("geofile: <network>=<country> expected, got %s", arg)
		}
		records[network] = map[string]any{"country": map[string]any{"iso_code": country}}
	}
	content, err := geotest.Bytes(6, records)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(path+".new", content, 0o600))
	ts.Check(os.Rename(path+".new", path))
	fmt.Fprintf(ts.Stdout(), "%d bytes\n", len(content))
}
