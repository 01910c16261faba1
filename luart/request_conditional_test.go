package luart

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestConditionalRequests(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local shared = api.text("tagged"):set_header("ETag", '"a"'):set_header("Last-Modified", "Sun, 29 Nov 2026 12:00:00 GMT")
			:set_header("Cache-Control", "no-cache")
		function api.tagged.any() return shared end
		function api.weak.get() return api.json({}):set_header("ETag", 'W/"a"') end
		function api.dated.get() return "dated", 200, { ["Last-Modified"] = "Sun, 29 Nov 2026 12:00:00 GMT" } end
		function api.plain.get() return "plain" end
		function api.created.get() return "created", 201, { ETag = '"a"' } end
		function api.hooked.get() return "hooked" end
		function api.hooked.after.tag(ctx, res) res:set_body(res:body():text() .. "!"):set_header("ETag", '"h"') end
		function api.filtered.get() return "filtered" end
		function api.filtered.after.tag(ctx, res) res:replace("f", "F"):set_header("ETag", '"f"') end
		function api.streamed.get()
			local sent = false
			return api.stream(200, "text/plain", function() if not sent then sent = true return "streamed" end end):set_header("ETag", '"a"')
		end
		return api`)
	srv := httptest.NewServer(s)
	defer srv.Close()
	date := func(seconds int) string {
		return time.Date(2026, 11, 29, 12, 0, seconds, 0, time.UTC).Format(http.TimeFormat)
	}
	const failed = `412 {"error":"Precondition failed"}`
	for _, c := range []struct {
		request, want string
		header        []string
	}{
		{"GET /tagged", "200 tagged", nil},
		{"GET /tagged", "304 ", []string{"If-None-Match", `"a"`}},
		{"HEAD /tagged", "304 ", []string{"If-None-Match", `"a"`}},
		{"GET /tagged", "304 ", []string{"If-None-Match", `W/"a"`}},
		{"GET /tagged", "304 ", []string{"If-None-Match", `"x,y", , W/"z" ,"a"`}},
		{"GET /tagged", "304 ", []string{"If-None-Match", `"x"`, "If-None-Match", `"a"`}},
		{"GET /tagged", "304 ", []string{"If-None-Match", `*`}},
		{"GET /tagged", "200 tagged", []string{"If-None-Match", `"b"`}},
		{"GET /tagged", "200 tagged", []string{"If-None-Match", `a, "a"`}},
		{"GET /tagged", "200 tagged", []string{"If-None-Match", `"a`}},
		{"GET /tagged", "200 tagged", []string{"If-None-Match", ``}},
		{"GET /tagged", "200 tagged", []string{"If-None-Match", `"b"`, "If-Modified-Since", date(0)}},
		{"GET /tagged", "304 ", []string{"If-Modified-Since", date(0)}},
		{"GET /tagged", "304 ", []string{"If-Modified-Since", date(1)}},
		{"GET /tagged", "200 tagged", []string{"If-Modified-Since", date(-1)}},
		{"GET /tagged", "200 tagged", []string{"If-Modified-Since", "yesterday"}},
		{"GET /tagged", "200 tagged", []string{"If-Match", `"b", "a"`}},
		{"GET /tagged", "200 tagged", []string{"If-Match", `*`}},
		{"GET /tagged", failed, []string{"If-Match", `"b"`}},
		{"HEAD /tagged", "412 ", []string{"If-Match", `"b"`}},
		{"GET /tagged", failed, []string{"If-Match", `W/"a"`}},
		{"GET /tagged", "304 ", []string{"If-Match", `"a"`, "If-None-Match", `"a"`}},
		{"GET /tagged", failed, []string{"If-Match", `"b"`, "If-None-Match", `"a"`}},
		{"GET /tagged", "200 tagged", []string{"If-Unmodified-Since", date(0)}},
		{"GET /tagged", failed, []string{"If-Unmodified-Since", date(-1)}},
		{"GET /tagged", "200 tagged", []string{"If-Match", `"a"`, "If-Unmodified-Since", date(-1)}},
		{"POST /tagged", "200 tagged", []string{"If-None-Match", `"a"`}},
		{"GET /weak", "304 ", []string{"If-None-Match", `"a"`}},
		{"GET /weak", failed, []string{"If-Match", `W/"a"`}},
		{"GET /dated", "304 ", []string{"If-Modified-Since", date(0)}},
		{"GET /dated", failed, []string{"If-Match", `"a"`}},
		{"GET /dated", "200 dated", []string{"If-None-Match", `"a"`, "If-Modified-Since", date(0)}},
		{"GET /plain", "200 plain", []string{"If-None-Match", `*`, "If-Match", `"a"`}},
		{"GET /created", "201 created", []string{"If-None-Match", `"a"`}},
		{"GET /hooked", "304 ", []string{"If-None-Match", `"h"`}},
		{"GET /filtered", "304 ", []string{"If-None-Match", `"f"`}},
		{"GET /filtered", "200 Filtered", []string{"If-None-Match", `"g"`}},
		{"GET /streamed", "200 streamed", []string{"If-None-Match", `"a"`}},
		{"GET /tagged", "200 tagged", nil}, // shared is what it was
	} {
		method, path, _ := strings.Cut(c.request, " ")
		res := send(t, srv, method, path, c.header...)
		body, err := io.ReadAll(res.Body)
		if got := res.Status[:4] + string(body); err != nil || got != c.want {
			t.Errorf("%s %q: got %q, want %q (%v)", c.request, c.header, got, c.want, err)
		}
		if res.StatusCode != http.StatusNotModified || path != "/tagged" {
			continue
		}
		h := res.Header
		if h.Get("Etag") != `"a"` || h.Get("Cache-Control") != "no-cache" || h.Get("Content-Type") != "" || h.Get("Last-Modified") != "" {
			t.Errorf("%s %q: the 304 has %v", c.request, c.header, h)
		}
	}
}
