package environ

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestReadFile(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\nB=two words\n":                     `[{A 1} {B two words}]`,
		"\ufeffA=1\r\n\r\n# no\nexport B = x ":   `[{A 1} {B x}]`,
		"A=":                                     `[{A }]`,
		"A=x#y # z":                              `[{A x#y}]`,
		"A=# z":                                  `[{A }]`,
		`A="a # b\n\"c\" \\ \$D $E" # z`:         `[{A a # b` + "\n" + `"c" \ $D $E}]`,
		`A='a\n"b" $C'`:                          `[{A a\n"b" $C}]`,
		"A=b=c":                                  `[{A b=c}]`,
		"A":                                      `.env:1: NAME=value expected`,
		"A=1\n=2":                                `.env:2: NAME=value expected`,
		"A B=1":                                  `.env:1: NAME=value expected`,
		"A=1\nA=2":                               `.env:2: A is there already, in line 1`,
		`A="x`:                                   `.env:1: A: the value does not end with its quote`,
		`A="x" y`:                                `.env:1: A: the value does not end with its quote`,
		`A='x\'`:                                 `[{A x\}]`,
		`A="x\"`:                                 `.env:1: A: the value does not end with its quote`,
		"A=" + strings.Repeat("x", MaxFileBytes): `.env is longer than 1048576 bytes`,
	} {
		list, err := ReadFile(strings.NewReader(text), ".env")
		got := fmt.Sprint(list)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.40q\n got %.80s\nwant %.80s", text, got, want)
		}
	}
}

// The file in docs/config.md is one.
func TestReadFilePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```dotenv\n")
	text, _, _ = strings.Cut(text, "```")
	list, err := ReadFile(strings.NewReader(text), ".env")
	if want := `[{APP_NAME shop} {APP_DB_HOST 10.0.0.5} {APP_KEY as it is: $HOME \n}]`; fmt.Sprint(list) != want || err != nil {
		t.Errorf("got %v, %v", list, err)
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add("A=1\nexport B='x' # y\nC=\"\\n\\\"\"")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ReadFile(strings.NewReader(text), ".env")
		for _, v := range list {
			if err != nil || !IsName(v.Name) {
				t.Errorf("%q: got %q, %v", text, v.Name, err)
			}
		}
	})
}
