package bodyfilter

import (
	"net/http"
	"testing"
)

func TestTurnedHead(t *testing.T) {
	for _, c := range []struct {
		came, status int
		turned       bool
		length, tag  string
	}{
		{200, 200, false, "6", `"a"`},
		{200, 404, false, "6", `"a"`},
		{304, 304, false, "6", `"a"`},
		{200, 204, true, "", `"a"`},
		{200, 205, true, "0", `"a"`},
		{206, 304, true, "", `"a"`},
		{304, 204, true, "", `"a"`},
		{304, 200, true, "0", `"a"`},
		{204, 404, true, "0", `"a"`},
		{206, 206, false, "6", `"a"`},
		{206, 403, true, "0", `"a"`},
		{206, 416, true, "0", `"a"`},
		{206, 302, true, "0", `"a"`},
		{206, 205, true, "0", `"a"`},
		{205, 205, true, "0", `"a"`},
		{205, 200, true, "0", `"a"`},
	} {
		h := http.Header{"Content-Length": {"6"}, "Etag": {`"a"`}, "Trailer": {"X"}, "Content-Range": {"bytes 0-5/9"}}
		if got := TurnedHead(h, c.came, c.status); got != c.turned {
			t.Errorf("%d to %d: turned %v", c.came, c.status, got)
		}
		if h.Get("Content-Length") != c.length || h.Get("Etag") != c.tag || (h["Trailer"] == nil) != c.turned || (h["Content-Range"] == nil) != c.turned {
			t.Errorf("%d to %d: %v", c.came, c.status, h)
		}
	}
}
