package luaval

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// gopher-lua's own checks count the object before the colon as an argument.
func TestArgumentsAreCheckedHere(t *testing.T) {
	own := regexp.MustCompile(`\bL\.(Check[A-Z]\w*|Opt[A-Z]\w*|ArgError|TypeError)\(`)
	files := 0
	for _, root := range []string{"..", "../../examples"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for i, line := range strings.Split(string(source), "\n") {
				for _, call := range own.FindAllString(line, -1) {
					if path != filepath.Join("..", "luaval", "arg_error.go") {
						t.Errorf("%s:%d: %s…): luaval has a function that counts arguments as scripts do", path, i+1, call)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("only %d files were looked at", files)
	}
}
