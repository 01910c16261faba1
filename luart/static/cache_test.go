package static

import "testing"

func TestCacheControl(t *testing.T) {
	for name, want := range map[string]string{
		"index.html": ask, "a/page.HTM": ask, "data.json": ask, "app.js": ask, "app.css": ask, "m.webmanifest": ask,
		"logo.png": day, "font.woff2": day, "noextension": day, "archive.zip": day, "LICENSE": day,
		"app.3f2a1b9c.js": immutable, "index-DiwrgT4a.js": immutable, "main-5VXJ2K7Q.css": immutable, "css/a.0123456789abcdef.css": immutable,
		"logo.3f2a1b9c.png": immutable, "3f2a1b9c.js": immutable, "app-3f2a1b9c.min.js": immutable,
		"index.3f2a1b9c.html": ask, // a page has one address
		"report-20240115.png": day, "jquery-3.7.1.min.js": ask, "bootstrap-datepicker.js": ask, "MyWidget1.js": ask, "my-decade1.js": ask,
		"Roboto2Regular.woff2": day, "app.12345678.js": ask, "app.deadbeef.js": ask, "app.3f2a1b9.js": ask, "a.js.3f2a1b9c": day,
		"DATEPICK.js": ask, "app-DiwrgTda.js": ask,
	} {
		if got := (File{Mount: &Mount{}}).CacheControl(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	m := &Mount{}
	for name, want := range map[string]string{
		"logo.png": "private, max-age=86400", "app.3f2a1b9c.js": "private, max-age=31536000, immutable", "index.html": "no-cache",
	} {
		if got := (File{Mount: m, Private: true}).CacheControl(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	m.Cache = "max-age=1"
	if got := (File{Mount: m, Private: true}).CacheControl("index.html"); got != "max-age=1" {
		t.Errorf("got %s", got)
	}
}

func TestFallsBack(t *testing.T) {
	m := &Mount{SPA: true, Index: "index.html"}
	for name, want := range map[string]bool{
		"users/7": true, "": true, "users/john.doe": true, "me@example.com": true, "old.html": true, "a/": true,
		"app.old.js": false, "logo.png": false, "x.JSON": false, "fonts/a.woff2": false, ".env": false, "a/.git": false,
	} {
		if m.FallsBack(name) != want {
			t.Errorf("%s: got %v", name, !want)
		}
	}
	if (&Mount{}).FallsBack("users/7") {
		t.Error("without spa")
	}
}
