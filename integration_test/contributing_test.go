package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The map in CONTRIBUTING.md has each package of the module, once, and its files are there. The
// index of docs has each page. The README is short.
func TestMaps(t *testing.T) {
	text := pages(t)["../CONTRIBUTING.md"]
	packages, _, _ := strings.Cut(text, "## How a request travels")
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(packages, -1) {
		for _, m := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[1], -1) {
			if listed[m[1]] {
				t.Errorf("CONTRIBUTING.md: %s is there twice", m[1])
			}
			listed[m[1]] = true
		}
	}
	for _, path := range strings.Fields(goList(t, "./...")) {
		if !listed[ours(path)] {
			t.Errorf("CONTRIBUTING.md: the map has no package %s", ours(path))
		}
		delete(listed, ours(path))
	}
	for name := range listed {
		t.Errorf("CONTRIBUTING.md: there is no package %s", name)
	}
	for _, m := range regexp.MustCompile("`([\\w/*.]+/[\\w*]+\\.(?:go|lua|md|txtar))`").FindAllStringSubmatch(text, -1) {
		if files, _ := filepath.Glob("../" + m[1]); len(files) == 0 {
			t.Errorf("CONTRIBUTING.md: there is no file %s", m[1])
		}
	}
	if lines := strings.Count(pages(t)["../README.md"], "\n"); lines >= 250 {
		t.Errorf("README.md has %d lines: what is not for the first hour belongs into docs", lines)
	}
	index, err := os.ReadFile("../docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("../docs/*.md")
	for _, file := range files {
		if name := filepath.Base(file); name != "README.md" && !strings.Contains(string(index), "]("+name+")") {
			t.Errorf("docs/README.md: no word of %s", name)
		}
	}
}

// The map of the files of luart has each of them, and names none that is not there.
func TestMapOfFiles(t *testing.T) {
	_, section, ok := strings.Cut(pages(t)["../CONTRIBUTING.md"], "\n## Files of luart\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !ok {
		t.Fatal("CONTRIBUTING.md has no map of the files of luart")
	}
	files, _ := filepath.Glob("../luart/*.go")
	missing := map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			missing[file] = true
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(section, -1) {
		for _, m := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[1], -1) {
			found, _ := filepath.Glob("../luart/" + m[1] + ".go")
			if len(found) == 0 {
				t.Errorf("CONTRIBUTING.md: luart has no file %s", m[1])
			}
			for _, file := range found {
				delete(missing, file)
			}
		}
	}
	for file := range missing {
		t.Errorf("CONTRIBUTING.md: the map of the files of luart has no %s", filepath.Base(file))
	}
}
