package luart

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/caddy-rover/rover/luart/outbound"
)

// Every Lua block of the README and of docs is a script that loads, and answers as the
// comments at its end say.
func TestReadme(t *testing.T) {
	pages, _ := filepath.Glob("../docs/*.md")
	if len(pages) == 0 {
		t.Fatal("no pages in docs")
	}
	up := httptest.NewServer(http.HandlerFunc(answerReadme))
	defer up.Close()
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range regexp.MustCompile("(?s)```lua\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			s := newServer(t, b[1], func(s *Script) {
				s.Config = map[string]string{"token": "s3cret", "upstream": up.URL}
				s.Net = outbound.NewPolicy()
			})
			if s.replay(b[1], 1) == 0 {
				t.Errorf("%s: a block says no request and answer:\n%s", page, b[1])
			}
			if t.Failed() {
				t.Fatalf("in a block of %s", page)
			}
		}
	}
}

// answerReadme is the service that the scripts of the README and of docs call.
func answerReadme(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/export" {
		_, _ = io.WriteString(w, "1\n2\n3\n")
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct {
		Method string `json:"method"`
		URI    string `json:"uri"`
		Body   string `json:"body"`
	}{r.Method, r.RequestURI, string(body)})
}
