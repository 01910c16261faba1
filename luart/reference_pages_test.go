package luart

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-rover/rover/luart/reference"
)

var update = flag.Bool("update", false, "write the pages of docs/reference anew")

// The pages of docs/reference are what the definitions for editors make of them: every function is
// there, says what it does, and has an example.
func TestReference(t *testing.T) {
	const folder = "../docs/reference"
	pages, err := reference.Pages(stubModules(t))
	if err != nil {
		t.Fatalf("luart/types, or the file beside a library: %v", err)
	}
	if *update {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(folder + "/*.md")
	for _, file := range files {
		if pages[filepath.Base(file)] != "" {
			continue
		}
		if !*update {
			t.Errorf("%s is a page of no file of definitions any more", file)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for name, page := range pages {
		file := filepath.Join(folder, name)
		if *update {
			if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != page {
			t.Errorf("%s is not up to date: go test ./luart -run TestReference -update (%v)", file, err)
		}
	}
}
