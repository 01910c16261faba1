package hopbyhop

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestDrop(t *testing.T) {
	for _, c := range []struct {
		connection []string
		others     string // names of headers
		want       string
	}{
		{nil, "X-User", "X-User"},
		{[]string{"close, X-User"}, "X-User X-Other", "X-Other"},
		{[]string{"close", " x-USER\t,,x-role "}, "X-User X-Role Cookie", "Cookie"},
		{[]string{"keep-alive"}, "Keep-Alive X-User", "X-User"},
		{[]string{"close"}, "Close", ""},
		{[]string{"X User"}, "X-User", "X-User"},
		{[]string{"Cookie, Authorization"}, "Cookie Authorization", ""},
		{[]string{"Content-Length, Host, TE, Trailer"}, "Content-Length Te Trailer", "Content-Length Te Trailer"},
		{[]string{"X-User, Upgrade"}, "X-User Upgrade Sec-Websocket-Key", "Connection Sec-Websocket-Key Upgrade"},
		{[]string{"upgrade, http2-settings, connection"}, "Upgrade Http2-Settings", "Connection Upgrade"},
		{[]string{"upgrade"}, "X-User", "X-User"},
		{[]string{"close"}, "Upgrade X-User", "X-User"},
	} {
		h := http.Header{}
		for name := range strings.FieldsSeq(c.others) {
			h[name] = []string{"v"}
		}
		if c.connection != nil {
			h["Connection"] = c.connection
		}
		Drop(h)
		want := slices.Sorted(strings.FieldsSeq(c.want))
		if got := slices.Sorted(maps.Keys(h)); !slices.Equal(got, want) {
			t.Errorf("Connection %q with %s: left %q, want %q", c.connection, c.others, got, want)
		}
		if got := h["Connection"]; got != nil && !slices.Equal(got, []string{"Upgrade"}) {
			t.Errorf("Connection %q became %q", c.connection, got)
		}
	}
}

// A tunnel that speaks HTTP would carry requests past every hook.
func TestNoUpgradeToHTTP(t *testing.T) {
	for upgrade, kept := range map[string]bool{
		"websocket": true, "tcp": true, "SPDY/3.1": true,
		"h2c": false, "H2C": false, "websocket, h2c": false, "HTTP/2.0": false, "TLS/1.0, HTTP/1.1": false, "websocket\th2c": true,
	} {
		h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {upgrade}, "Http2-Settings": {"AAMAAABk"}}
		Drop(h)
		if got := h["Upgrade"] != nil && h["Connection"] != nil; got != kept {
			t.Errorf("%q: kept %v", upgrade, got)
		}
	}
	h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket", "h2c"}}
	if Drop(h); h["Upgrade"] != nil {
		t.Error("the second of two Upgrade headers is kept")
	}
}
