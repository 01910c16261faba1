package health

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func report() Report {
	return Report{
		Reasons:  []Reason{{Code: DependencyUnavailable, Dependency: "redis"}, {Code: DependencyUnavailable, Dependency: "db", Reason: "down"}},
		Warnings: []Reason{{Code: StoreDown}},
	}
}

// A probe is asked by its path to the byte: other readings are for the site.
func TestAsked(t *testing.T) {
	p := &Probes{Live: "/healthz", Ready: "/-/ready"}
	for target, want := range map[string]Probe{
		"/healthz": Live, "/healthz?verbose": Live, "/-/ready": Ready, "http://x/healthz": Live,
		"/healthz/": None, "//healthz": None, "/%68ealthz": None, "/HEALTHZ": None, "/healthz;a": None, "/./healthz": None,
		"/-/ready/x": None, "/-%2Fready": None, "/": None, "/readyz": None,
	} {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Asked(u); got != want {
			t.Errorf("%s: got probe %d, want %d", target, got, want)
		}
	}
	for _, u := range []*url.URL{{}, {Path: "*"}, {Host: "x:443"}} {
		if got := (&Probes{}).Asked(u); got != None {
			t.Errorf("%v: got probe %d of none", u, got)
		}
	}
	if (*Probes)(nil).Asked(&url.URL{Path: "/healthz"}) != None {
		t.Error("there is no probe")
	}
}

func TestCheckPath(t *testing.T) {
	for _, path := range []string{"/healthz", "/-/ready", "/a/b.c/~d_e"} {
		if wrong := CheckPath(path); wrong != "" {
			t.Errorf("%s %s", path, wrong)
		}
	}
	for _, path := range []string{"", "healthz", "/", "/a/", "//a", "/a//b", "/./a", "/..", "/a b", "/ä", "/%61", "/a?b", "/:id", "/*", "/" + strings.Repeat("a", MaxPath)} {
		if CheckPath(path) == "" {
			t.Errorf("%q is taken", path)
		}
	}
}

// What is answered, and to whom the reasons are told.
func TestServe(t *testing.T) {
	const all = `503 {"status":"not_ready","reasons":[{"code":"dependency_unavailable","dependency":"db","reason":"down"},` +
		`{"code":"dependency_unavailable","dependency":"redis"}],"warnings":[{"code":"store_down"}]}`
	for _, c := range []struct {
		method, peer, header string
		details              Audience
		probe                Probe
		want                 string
	}{
		{"GET", "192.0.2.1:1", "", Loopback, Live, `200 {"status":"ok"}`},
		{"HEAD", "192.0.2.1:1", "", Loopback, Live, `200 `},
		{"POST", "127.0.0.1:1", "", Everybody, Live, `405 {"error":"Method not allowed"}`},
		{"OPTIONS", "127.0.0.1:1", "", Everybody, Ready, `405 {"error":"Method not allowed"}`},
		{"GET", "192.0.2.1:1", "", Loopback, Ready, `503 {"status":"not_ready"}`},
		{"HEAD", "192.0.2.1:1", "", Everybody, Ready, `503 `},
		{"GET", "127.0.0.1:1", "", Loopback, Ready, all},
		{"GET", "[::1]:1", "", Loopback, Ready, all},
		{"GET", "[::ffff:127.0.0.1]:1", "", Loopback, Ready, all},
		{"GET", "127.0.0.1:1", "", Nobody, Ready, `503 {"status":"not_ready"}`},
		{"GET", "192.0.2.1:1", "", Everybody, Ready, all},
		// Somebody else is behind the one who asks, or says so.
		{"GET", "192.0.2.1:1", "X-Forwarded-For", Loopback, Ready, `503 {"status":"not_ready"}`},
		{"GET", "127.0.0.1:1", "X-Forwarded-For", Loopback, Ready, `503 {"status":"not_ready"}`},
		{"GET", "127.0.0.1:1", "Forwarded", Loopback, Ready, `503 {"status":"not_ready"}`},
		{"GET", "127.0.0.1:1", "X-Real-Ip", Loopback, Ready, `503 {"status":"not_ready"}`},
		{"GET", "127.0.0.1:1", "Via", Loopback, Ready, `503 {"status":"not_ready"}`},
		{"GET", "@", "", Loopback, Ready, `503 {"status":"not_ready"}`},
	} {
		r := httptest.NewRequest(c.method, "/readyz", nil)
		r.RemoteAddr = c.peer
		if c.header != "" {
			r.Header.Set(c.header, "127.0.0.1")
		}
		w := httptest.NewRecorder()
		p := &Probes{Details: c.details}
		p.Serve(w, r, c.probe, report)
		if got := w.Result().Status[:4] + w.Body.String(); got != c.want {
			t.Errorf("%s from %s %s: got %s, want %s", c.method, c.peer, c.header, got, c.want)
		}
		if w.Header().Get("Cache-Control") != "no-store" || (w.Code == 405) != (w.Header().Get("Allow") == "GET, HEAD") {
			t.Errorf("%s: headers %v", c.method, w.Header())
		}
		if c.method != "HEAD" && w.Header().Get("Content-Length") == "0" {
			t.Errorf("%s: headers %v", c.method, w.Header())
		}
	}
}

func TestServeReady(t *testing.T) {
	w := httptest.NewRecorder()
	(&Probes{Details: Everybody}).Serve(w, httptest.NewRequest("GET", "/", nil), Ready, func() Report {
		return Report{Warnings: []Reason{{Code: ReloadRefused}}}
	})
	if got := w.Body.String(); w.Code != 200 || got != `{"status":"ready","warnings":[{"code":"reload_refused"}]}` {
		t.Errorf("got %d %s", w.Code, got)
	}
}

// failing lists the dependencies that are not there, with reasons.
func failing(d *Dependencies, now time.Time, storeUp bool) string {
	var r Report
	d.Report(&r, now, storeUp)
	r.Sort()
	var list []string
	for _, reason := range r.Reasons {
		list = append(list, reason.Dependency+": "+reason.Reason)
	}
	return strings.Join(list, ", ")
}

// A check counts as failed until it has ended once, and where it does not end.
func TestDependencyChecked(t *testing.T) {
	var d Dependencies
	d.DeclareChecked("db", time.Second)
	now := time.Unix(1000, 0)
	is := func(after time.Duration, want string) {
		t.Helper()
		if got := failing(&d, now.Add(after), true); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	is(0, "db: not checked yet")
	d.Begin("db", now)
	is(time.Second, "db: not checked yet")
	is(2*time.Second, "db: no answer within 1s")
	if !d.End("db", true, "") {
		t.Error("the first answer is new")
	}
	is(time.Hour, "")
	d.Begin("db", now)
	is(time.Second, "")
	is(1001*time.Millisecond, "db: no answer within 1s")
	if d.End("db", true, "") || !d.End("db", false, "a\nb\x1b[31m\xff"+strings.Repeat("ä", 200)) {
		t.Error("wrong about what is new")
	}
	got := failing(&d, now, true)
	if !strings.HasPrefix(got, "db: a b [31m ää") || len(got) > MaxReason+4 || !strings.HasSuffix(got, "ä…") {
		t.Errorf("got %q", got)
	}
}

// The store is one where the script says so.
func TestDependencyStore(t *testing.T) {
	var d Dependencies
	if got := failing(&d, time.Now(), false); got != "" {
		t.Errorf("got %q", got)
	}
	d.Declare(Store, true)
	if got := failing(&d, time.Now(), false); got != "store: the store does not answer" {
		t.Errorf("got %q", got)
	}
	if got := failing(&d, time.Now(), true); got != "" {
		t.Errorf("got %q", got)
	}
	d.Declare(Store, false)
	if got := failing(&d, time.Now(), false); got != "" {
		t.Errorf("got %q", got)
	}
}

// A new version goes on with what is known, but for what it says itself.
func TestInherit(t *testing.T) {
	var was, is Dependencies
	for _, name := range []string{"kept", "said", "changed", "kind"} {
		was.Declare(name, true)
		was.Set(name, false, "gone")
	}
	was.DeclareChecked("db", time.Second)
	was.End("db", false, "down")
	was.DeclareChecked("up", time.Second)
	was.End("up", true, "")
	was.Declare("old", false)

	is.Declare("kept", true)
	is.Declare("said", true)
	is.Set("said", true, "")
	is.Declare("changed", false)
	is.Set("changed", false, "later")
	is.Declare("new", true)
	is.DeclareChecked("kind", time.Second)
	is.DeclareChecked("db", time.Second)
	is.DeclareChecked("up", time.Second)
	is.Inherit(&was)
	want := "changed: later, db: down, kept: gone, kind: not checked yet"
	if got := failing(&is, time.Now(), true); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// What is declared otherwise begins anew.
	var after Dependencies
	after.Declare("changed", true)
	after.Inherit(&is)
	if got := failing(&after, time.Now(), true); got != "" {
		t.Errorf("got %q", got)
	}
}
