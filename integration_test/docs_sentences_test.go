package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxWords of a sentence: with more, a reader looks for its beginning when it ends.
const maxWords = 30

// Sentences of the docs are short. Tables, code and captions are left out: a row is no sentence.
func TestDocsSentences(t *testing.T) {
	texts := pages(t)
	readmes, _ := filepath.Glob("../examples/*/README.md")
	for _, file := range readmes {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	n := 0
	for file, text := range texts {
		if strings.HasPrefix(file, "../docs/reference/") {
			continue // made of definitions
		}
		for _, s := range sentences(text) {
			n++
			if words := strings.Fields(s); len(words) > maxWords {
				t.Errorf("%s: %d words in one sentence: %s", file, len(words), s)
			}
		}
	}
	if n < 2000 {
		t.Errorf("%d sentences", n)
	}
	got := sentences("# A heading\n\nOne `a. b` is\none. Two [has a link.](x.md#y)\n\n| a. | table |\n\n- three\n- four. Five?\n\n```sh\ncode. code\n```\n\n    more. code\n")
	if want := "One CODE is one.|Two has a link.|- three|- four.|Five?"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
	}
}

var (
	aFence    = regexp.MustCompile("(?ms)^```.*?^```$")
	inlineRun = regexp.MustCompile("`[^`]+`")
	aLink     = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	aStop     = regexp.MustCompile(`[.!?](?:\*\*)?\s+`)
)

// sentences returns those of a page's prose. Code in a sentence is one word.
func sentences(page string) (list []string) {
	page = aFence.ReplaceAllString(page, "")
	var paragraph []string
	end := func() {
		text := aLink.ReplaceAllString(inlineRun.ReplaceAllString(strings.Join(paragraph, " "), "CODE"), "$1")
		paragraph = nil
		for text != "" {
			at := aStop.FindStringIndex(text)
			if at == nil {
				list = append(list, text)
				return
			}
			list = append(list, strings.TrimSpace(text[:at[1]]))
			text = text[at[1]:]
		}
	}
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		text := strings.TrimSpace(line)
		switch {
		case text == "", strings.HasPrefix(line, "    "), strings.HasPrefix(text, "#"), strings.HasPrefix(text, "|"),
			strings.HasPrefix(text, "!["), strings.HasPrefix(text, "<!--"):
			end()
			continue
		case regexp.MustCompile(`^(?:- |\d+\. )`).MatchString(line):
			end()
		}
		paragraph = append(paragraph, text)
	}
	end()
	return list
}
