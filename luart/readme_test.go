package luart

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"

	"github.com/caddy-rover/rover/luart/outbound"
)

// Every Lua block of the README is a script that loads, and answers as the comments at
// its end say.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```lua\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("no Lua blocks")
	}
	up := httptest.NewServer(http.HandlerFunc(answerReadme))
	defer up.Close()
	for _, b := range blocks {
		s := newServer(t, b[1], func(s *Script) {
			s.Config = map[string]string{"token": "s3cret", "upstream": up.URL}
			s.Net = outbound.NewPolicy()
		})
		n := s.replay(b[1], 1)
		if n == 0 {
			t.Errorf("a block says no request and answer:\n%s", b[1])
		}
	}
}

// answerReadme is the service that the scripts of the README call.
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
