package luart

import (
	"strings"
	"testing"
)

// The document is on the site for who has the token, once and in one place.
func TestDocsOnSite(t *testing.T) {
	const token = "0123456789abcdef"
	s := newServer(t, `
		local api = rover.server { docs = true, management_token = "`+token+`" }
		api.users.doc { get = { summary = "<script>alert(1)</script>", responses = { [200] = { example = { a = "<b>" } } } } }
		function api.users.get() end
		function api.before.none() return api:error(418, "a hook") end
		return api`)
	const refused = `401 {"error":"Management endpoint requires auth token"}`
	for _, c := range []struct {
		request string
		headers []string
		want    string
	}{
		{"GET /_rover/docs", nil, refused},
		{"POST /_rover/docs", nil, refused},
		{"GET /_rover/openapi.json", []string{"Authorization: Bearer wrong"}, refused},
		{"GET /_rover/openapi.json", []string{"Authorization: Basic " + token}, refused},
		{"GET /_rover/openapi.json", []string{"Authorization: " + token}, refused},
		{"GET /_rover/openapi.json", []string{"Authorization: Bearer " + token + "x"}, refused},
		{"GET /_rover/openapi.json", []string{"Authorization: Bearer " + token, "X-Rover-Management-Token: " + token}, refused},
		{"GET /_rover/openapi.json", []string{"Authorization: Bearer " + token, "Authorization: Bearer x"}, refused},
		{"GET /_rover/openapi.json?token=" + token, nil, refused},
		{"GET /_rover/openapi.json", []string{"Authorization: bearer " + token}, `200 {`},
		{"GET /_rover/openapi.json", []string{"X-Rover-Management-Token: " + token}, `200 {`},
		{"GET /_rover/docs", []string{"X-Rover-Management-Token: " + token}, `200 <!doctype html>`},
		{"HEAD /_rover/docs", []string{"X-Rover-Management-Token: " + token}, `200 `},
		{"PUT /_rover/docs", []string{"X-Rover-Management-Token: " + token}, `405 {"error":"Method not allowed"}`},
		// Other readings of the path are the script's.
		{"GET /_rover/docs/", nil, `418 {"error":"a hook"}`},
		{"GET /_rover/%64ocs", nil, `418 {"error":"a hook"}`},
		{"GET //_rover/docs", nil, `418 {"error":"a hook"}`},
	} {
		if got := answer(s.do(c.request, "", c.headers...)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %q: got %.200s, want %s", c.request, c.headers, got, c.want)
		}
	}
	w := s.do("GET /_rover/docs", "", "X-Rover-Management-Token: "+token)
	page := w.Body.String()
	if strings.Contains(page, "<script") || strings.Contains(page, "http://") || strings.Contains(page, "https://") ||
		!strings.Contains(page, "&lt;script&gt;alert(1)") || !strings.Contains(page, "&lt;b&gt;") {
		t.Errorf("the page:\n%s", page)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("the policy is %q", csp)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", w.Header())
	}
}

// Without a token nobody gets the document, but where the script says that all do.
func TestDocsWithoutToken(t *testing.T) {
	for _, c := range []struct{ options, path, want string }{
		{`docs = true`, "/_rover", "401 "},
		{`docs = true, management_prefix = "/-/internal"`, "/-/internal", "401 "},
		{`docs = true, allow_unauthenticated_management = false`, "/_rover", "401 "},
		{`docs = true, allow_unauthenticated_management = true`, "/_rover", "200 {\n  \"openapi\""},
		// There is none: it is the next handler's.
		{`docs = true, management_prefix = "/-/internal"`, "/_rover", "200 GET "},
		{`docs = false, allow_unauthenticated_management = true`, "/_rover", "200 GET "},
		{`management_token = "0123456789abcdef"`, "/_rover", "200 GET "},
	} {
		s := newServer(t, "return rover.server { "+c.options+" }")
		if got := answer(s.do("GET "+c.path+"/openapi.json", "")); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %.100s, want %s", c.options, got, c.want)
		}
		warned := s.logs.FilterMessage("docs of rover.server are for nobody: there is no management_token").Len() > 0
		if c.want == "401 " && !warned || strings.HasPrefix(c.want, "200 {") && warned {
			t.Errorf("%s: the log: %v", c.options, s.logs.All())
		}
	}
}

func TestDocsMistakes(t *testing.T) {
	for code, want := range map[string]string{
		`rover.server { docs = 1 }`:                                                                          "docs should be a boolean, not a number",
		`rover.server { management_prefix = "x" }`:                                                           "management_prefix must start with '/'",
		`rover.server { management_prefix = "/a/" }`:                                                         "management_prefix has an empty segment",
		`rover.server { management_token = "" }`:                                                             "management_token cannot be empty",
		`rover.server { management_token = 1 }`:                                                              "management_token should be a string, not a number",
		`rover.server { management_token = "short" }`:                                                        "management_token has 5 bytes; at least 16 keep it from being guessed",
		`rover.server { docs = true, health = { live = "/_rover/docs" } }`:                                   "health and docs have one path, /_rover/docs",
		`(function() local api = rover.server { docs = true } api._rover.docs.get = print return api end)()`: "api._rover.docs.get would never be asked: docs of rover.server answers /_rover/docs",
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		err := s.load("return " + code)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", code, err, want)
		}
		s.vm.Close(t.Context())
	}
}
