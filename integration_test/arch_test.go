package integration_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/caddy-rover/rover"

// Imports point one way: the root to caddyfile and luart, luart to eventloop. eventloop
// and luart/giveup know the standard library only, luart/persist besides luart/giveup, luart no Caddy, and nobody but the tests and
// cmd/caddy the root. Of luart, caddyfile knows luart/outbound, whose rules it reads.
func TestDeps(t *testing.T) {
	for pkg, forbidden := range map[string][]string{
		"/eventloop":      {"github.com/", "go.uber.org/", "golang.org/"},
		"/luart":          {"github.com/caddyserver/", module + "/caddyfile"},
		"/caddyfile":      {"github.com/yuin/", module + "/luart", module + "/eventloop"},
		"/luart/outbound": {"github.com/", "go.uber.org/"},
		"/luart/luac":     {"github.com/caddy", "go.uber.org/", "golang.org/"},
		"/luart/clock":    {"github.com/", "go.uber.org/", "golang.org/"},
		"/luart/giveup":   {"github.com/", "go.uber.org/", "golang.org/"},
		"/luart/persist":  {"github.com/", "go.uber.org/", "golang.org/"},
	} {
		imports := strings.Fields(goList(t, "-f", `{{join .Imports "\n"}}`, module+pkg))
		if len(imports) == 0 {
			t.Errorf("%s imports nothing?", pkg)
		}
		for _, imp := range imports {
			if imp == module {
				t.Errorf("%s imports the root package", pkg)
			}
			for _, f := range forbidden {
				if strings.HasPrefix(imp, f) && imp != module+"/luart/outbound" && imp != module+"/luart/giveup" {
					t.Errorf("%s imports %s", pkg, imp)
				}
			}
		}
	}
}

// Every package has one package comment, which begins with its name.
func TestPackageComments(t *testing.T) {
	packages := strings.Fields(goList(t, "-f", "{{.Dir}}", "./..."))
	if len(packages) < 4 {
		t.Fatalf("found packages %v", packages)
	}
	for _, dir := range packages {
		files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
		var comments []string
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil {
				comments = append(comments, f.Doc.Text())
			}
		}
		if len(comments) != 1 || !strings.HasPrefix(comments[0], "Package ") && !strings.HasPrefix(comments[0], "Command ") {
			t.Errorf("%s has %d package comments, or one that begins otherwise", dir, len(comments))
		}
	}
}
