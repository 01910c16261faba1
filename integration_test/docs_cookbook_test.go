package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each page of docs/cookbook is a script, its Caddyfile and its tests, which caddy rover test finds,
// which pass, and call all functions of the script.
func TestDocsCookbook(t *testing.T) {
	texts, recipes := pages(t), 0
	dir := t.TempDir()
	for page, text := range texts {
		name, isRecipe := strings.CutPrefix(page, "../docs/cookbook/")
		if !isRecipe || name == "README.md" {
			continue
		}
		recipes++
		if !strings.Contains(texts["../docs/cookbook/README.md"], "("+name+")") {
			t.Errorf("the index of the cookbook does not name %s", name)
		}
		folder := filepath.Join(dir, strings.TrimSuffix(name, ".md"))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, m := range regexp.MustCompile("(?s)```lua\n-- (\\w+\\.lua)\n(.*?)```").FindAllStringSubmatch(text, -1) {
			files[m[1]] = m[2]
		}
		for _, m := range regexp.MustCompile("(?s)```(?:html|js)\n(?:<!--|//) ([\\w./-]+)(?: -->)?\n(.*?)```").FindAllStringSubmatch(text, -1) {
			if !filepath.IsLocal(m[1]) {
				t.Fatalf("%s: %s is outside of its folder", name, m[1])
			}
			files[m[1]] = m[2]
		}
		if m := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindStringSubmatch(text); m != nil {
			files["Caddyfile"] = m[1]
		}
		for _, want := range []string{"app.lua", "app_test.lua", "Caddyfile"} {
			if files[want] == "" {
				t.Errorf("%s has no %s", name, want)
			}
		}
		for file, content := range files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, file)), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(folder, file), content)
		}
	}
	binary := filepath.Join(dir, "caddy")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/caddy")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	profile := filepath.Join(dir, "cover.lcov")
	run := exec.CommandContext(t.Context(), binary, "rover", "test", "--coverprofile", profile)
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf(", 0 failed in %d files", recipes)) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range uncalled(t, profile) {
		t.Errorf("%s is called by no test of its recipe", name)
	}
}

// What is a page of code elsewhere is a few lines here, and stays so: lines that are not empty and no
// comments, and none of them longer than two of a page.
func TestDocsCookbookIsShort(t *testing.T) {
	for name, limit := range map[string]int{"jwt.md": 10, "sessions.md": 25} {
		m := regexp.MustCompile("(?s)```lua\n-- app.lua\n(.*?)```").FindStringSubmatch(pages(t)["../docs/cookbook/"+name])
		if m == nil {
			t.Errorf("%s has no app.lua", name)
			continue
		}
		lines := 0
		for line := range strings.Lines(m[1]) {
			code := strings.TrimSpace(line)
			if code == "" || strings.HasPrefix(code, "--") {
				continue
			}
			if lines++; len(code) > 200 {
				t.Errorf("%s: %d bytes in one line: %s", name, len(code), code)
			}
		}
		if lines > limit {
			t.Errorf("%s has %d lines, more than %d", name, lines, limit)
		}
	}
}

// uncalled returns the functions of the scripts app.lua that no test has called, by a file that
// caddy rover test has written with --coverprofile.
func uncalled(t *testing.T, profile string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	script, functions := "", 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if path, ok := strings.CutPrefix(line, "SF:"); ok {
			script = path
		}
		if call, ok := strings.CutPrefix(line, "FNDA:"); ok {
			functions++
			if name, ok := strings.CutPrefix(call, "0,"); ok {
				list = append(list, script+": "+name)
			}
		}
	}
	if functions == 0 {
		t.Errorf("no functions in %s:\n%s", profile, text)
	}
	return list
}
