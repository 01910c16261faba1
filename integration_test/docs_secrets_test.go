package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocsSecrets looks for code, in the docs and in what new projects begin with, that compares with a
// secret of the Caddyfile without having looked at it while the script loads. A deploy without the
// secret should fail.
func TestDocsSecrets(t *testing.T) {
	code := map[string]string{}
	for page, text := range pages(t) {
		code[page] = text
	}
	for _, pattern := range []string{"../examples/*/*.lua", "../internal/cli/new/*.lua"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code[file] = string(text)
		}
	}
	unseen := regexp.MustCompile(`rover\.crypto\.(equal|hmac)\(.*rover\.config\.`)
	guards := 0
	for file, text := range code {
		for i, line := range strings.Split(text, "\n") {
			if strings.Contains(line, "rover.crypto.equal(") {
				guards++
			}
			if unseen.MatchString(line) {
				t.Errorf("%s:%d: compares with a secret that may be empty: %s", file, i+1, line)
			}
		}
	}
	if guards < 8 {
		t.Errorf("found %d comparisons in %d files", guards, len(code))
	}
}
