package integration_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// Each file of testdata/adapt is a Caddyfile, a line of dashes, and the JSON that Caddy
// makes of it, or the error. $HERE is the folder in which the test runs.
func TestAdapt(t *testing.T) {
	files, _ := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if len(files) == 0 {
		t.Fatal("no files in testdata/adapt")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	adapter := caddyconfig.GetAdapter("caddyfile")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			const dashes = "----------\n"
			input, want, ok := strings.Cut(string(data), dashes)
			if !ok {
				t.Fatalf("%s has no line of dashes", file)
			}
			out, _, err := adapter.Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
			var got string
			if err != nil {
				got = err.Error() + "\n"
			} else {
				var indented bytes.Buffer
				if err := json.Indent(&indented, out, "", "\t"); err != nil {
					t.Fatal(err)
				}
				got = strings.ReplaceAll(indented.String(), here, "$HERE") + "\n"
			}
			if *update {
				write(t, file, input+dashes+got)
			} else if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
