package luart

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What guards read of a body, the service behind reads, too: none of them lets a request through whose
// service undoes a Content-Encoding, or takes another charset.
func TestGuardsReadNoEncodedBody(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local attempts = rover.rate_limit("attempts", { rate = 100, per = 60 })
		function api.form.before(ctx) if ctx:body():form().admin then return api:error(403, "not that") end end
		function api.limited.before(ctx) attempts:allow(ctx:body():form().user or "none") end
		function api.parts.before(ctx) if ctx:multipart().fields.admin then return api:error(403, "not that") end end
		function api.inmemory.before(ctx) if ctx:body():multipart().fields.admin then return api:error(403, "not that") end end
		function api.file.before(ctx) if ctx:body():file("admin") then return api:error(403, "not that") end end
		function api.files.before(ctx) if #ctx:body():files("admin") > 0 then return api:error(403, "not that") end end
		function api.doc.before(ctx) if ctx:body():json().admin then return api:error(403, "not that") end end
		function api.expected.before(ctx) ctx:body():expect { ["a?"] = "string" } end
		function api.edited.before(ctx) ctx:edit_json(function(doc) doc.admin = nil end) end
		api.rule.expect { post = { body = { ["a?"] = "string" } } }
		function api.rule.post() return api.pass() end
		return api`)
	passed := 0
	s.next = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ })
	forms := "application/x-www-form-urlencoded"
	parts := "multipart/form-data; boundary=B"
	for _, kind := range []struct{ name, body, paths string }{
		{forms, "a=1", "/form /limited"},
		{parts, formField("a", "1") + "--B--", "/form /parts /inmemory /file /files"},
		{"application/json", `{"a":"1"}`, "/doc /expected /edited /rule"},
	} {
		for path := range strings.FieldsSeq(kind.paths) {
			if w := s.do("POST "+path, kind.body, "Content-Type: "+kind.name+"; charset=utf-8", "Content-Encoding: identity"); w.Code != 200 || passed != 1 {
				t.Errorf("%s as it should be: %s, %d times passed", path, answer(w), passed)
			}
			passed = 0
			for _, headers := range [][]string{
				{"Content-Type: " + kind.name, "Content-Encoding: gzip"},
				{"Content-Type: " + kind.name, "Content-Encoding: identity", "Content-Encoding: deflate"},
				{"Content-Type: " + kind.name + "; charset=ibm037"},
				{"Content-Type: " + kind.name + "; charset=utf-16le"},
				{"Content-Type: " + kind.name + "; charset=utf-8; charset=utf-7"},
				{"Content-Type: " + kind.name + "; charset*=utf-7''x"},
				{"Content-Type: " + kind.name, "Content-Type: " + kind.name},
			} {
				want := 415
				if strings.HasPrefix(headers[len(headers)-1], "Content-Type") && len(headers) == 2 {
					want = 400
				}
				w := s.do("POST "+path, kind.body, headers...)
				if w.Code != want || passed != 0 || !strings.Contains(w.Body.String(), "request body: ") {
					t.Errorf("%s with %q: %s, %d times passed", path, headers, answer(w), passed)
				}
				passed = 0
			}
		}
	}
	w := s.do("POST /form", "_charset_=ibm037&a=1", "Content-Type: "+forms)
	if got, want := answer(w), `415 {"error":"request body: its field _charset_ has the charset \"ibm037\": it is read as UTF-8"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The token of a session is not looked for in a form that is not read.
func TestSessionTokenInEncodedForm(t *testing.T) {
	s := newServer(t, fmt.Sprintf(sessionScript, ""))
	b := s.browser("Host: example.com")
	token := strings.TrimPrefix(b.do("GET /csrf", ""), "200 ")
	for header, want := range map[string]string{
		"X-Y: z":                 "200 true nil",
		"Content-Encoding: gzip": `415 {"error":"request body: Content-Encoding \"gzip\": it is not decoded here"}`,
	} {
		if got := b.do("POST /csrf", "csrf_token="+token, "Content-Type: application/x-www-form-urlencoded", header); got != want {
			t.Errorf("%s: got %s, want %s", header, got, want)
		}
	}
}
