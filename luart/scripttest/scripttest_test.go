package scripttest

import (
	"bytes"
	"context"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a_test.lua", "a.lua", "sub/b_test.lua", ".git/c_test.lua", ".#a_test.lua", "node_modules/x/d_test.lua", "test.lua", "sub/e_test.lua.bak"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(dir, "a_test.lua"), filepath.Join(dir, "sub/b_test.lua")}
	if got, err := Find(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Error(got, err)
	}
	if got, err := Find(filepath.Join(dir, "test.lua")); err != nil || len(got) != 1 { // named, so meant
		t.Error(got, err)
	}
	if _, err := Find(filepath.Join(dir, "none")); err == nil {
		t.Error("no error")
	}
	if got, err := Find(filepath.Join(dir, ".git")); err != nil || len(got) != 1 { // the same
		t.Error(got, err)
	}
}

func TestNewRequest(t *testing.T) {
	type table = map[string]any
	for _, c := range []struct {
		options table
		want    string // a part of the request as it would be sent, or of the error
	}{
		{table{}, "GET / HTTP/1.1\r\nHost: example.com\r\n"},
		{table{"method": "post", "path": "/a%2Fb?x=1", "query": table{"y": "2 3"}}, "POST /a%2Fb?x=1&y=2+3 HTTP/1.1\r\n"},
		{table{"query": table{"camelCase": []any{"1", 2.0}}}, "GET /?camelCase=1&camelCase=2 HTTP"},
		{table{"headers": table{"Host": "other", "x-a": []any{"1", "2"}}}, "Host: other\r\nUser-Agent: Go-http-client/1.1\r\nX-A: 1\r\nX-A: 2\r\n"},
		{table{"headers": table{"X-Time": 1767225600.0, "X-Part": 0.5}}, "X-Part: 0.5\r\nX-Time: 1767225600\r\n"},
		{table{"body": "text"}, "Content-Length: 4\r\n"},
		{table{"json_text": "{}"}, "Content-Type: application/json\r\n"},
		{table{"json_text": "{}", "headers": table{"content-type": "application/ld+json"}}, "Content-Type: application/ld+json\r\n"},
		{table{"form": table{"a": "1 2"}, "method": "PUT"}, "\r\n\r\na=1+2"},
		{table{"path": "x"}, `path "x": it begins with /`},
		{table{"path": "/%zz"}, `path "/%zz": `},
		{table{"method": "A B"}, `invalid method "A B"`},
		{table{"client_ip": "nobody"}, `option client_ip: "nobody" is not an IP address`},
		{table{"host": 1.0}, "option host: string expected"},
		{table{"headers": table{"X": true}}, `header "X": a string, a number or an array of them expected`},
		{table{"headers": table{"X": "a\r\nY: b"}}, `header X: "a\r\nY: b" is no value of one`},
		{table{"headers": table{"X\n": "a"}}, `"X\n" is no name of a header`},
		{table{"host": "a\r\nX: b"}, `option host: "a\r\nX: b" is no host`},
		{table{"query": table{"x": "1\r\n2"}}, "GET /?x=1%0D%0A2 HTTP/1.1\r\n"},
		{table{"query": table{"X": true}}, `"X" in query or form: `},
		{table{"form": "a=b"}, "query or form: a table of strings expected"},
	} {
		r, err := newRequest(context.Background(), nil, c.options)
		var got string
		if err != nil {
			got = err.Error()
		} else {
			r.URL.Host, r.URL.Scheme = "x", "http" // to write it as a client would
			var b bytes.Buffer
			if err := r.Write(&b); err != nil {
				t.Error(err)
			}
			got = b.String()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%v: got %q", c.options, got)
		}
	}
}

func TestRecorder(t *testing.T) {
	serve := func(head bool, f func(w http.ResponseWriter)) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if head {
			r.Method = http.MethodHead
		}
		w := newRecorder(r)
		f(w)
		w.finish(nil, 0)
		var b bytes.Buffer
		_ = w.sent.Write(&b)
		return http.StatusText(w.status) + " " + b.String() + string(w.body)
	}
	for _, c := range []struct {
		head bool
		f    func(w http.ResponseWriter)
		want string
	}{
		{false, func(http.ResponseWriter) {}, "OK "},
		{false, func(w http.ResponseWriter) { _, _ = w.Write([]byte("<p>")) }, "OK Content-Length: 3\r\nContent-Type: text/html; charset=utf-8\r\n<p>"},
		{true, func(w http.ResponseWriter) { w.Header().Set("Content-Length", "3"); _, _ = w.Write([]byte("abc")) }, "OK Content-Length: 3\r\n"},
		{false, func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNoContent)
			w.WriteHeader(http.StatusOK)
			w.Header().Set("X-Late", "1")
			if _, err := w.Write([]byte("x")); err == nil {
				t.Error("a body with 204")
			}
		}, "No Content "},
	} {
		if got := serve(c.head, c.f); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestNarrow(t *testing.T) {
	details := "\n  1 | a\n  2 | b\n  3 | c\n> 4 | d\n    |   ^\n  5 | e\n  6 | f\n  7 | g\nhint: x | y\nstack traceback:\n\trover.test:9: in function 'is'\n\t[G]: in function 'error'\n\tapp_test.lua:4: in f"
	want := "\n  2 | b\n  3 | c\n> 4 | d\n    |   ^\n  5 | e\n  6 | f\nhint: x | y\nstack traceback:\n\tapp_test.lua:4: in f"
	if got := narrow(details); got != want {
		t.Errorf("got %q", got)
	}
}

// What CI systems read: any text in it, and numbers that add up.
// What is printed has a bound, for memory and for reports.
func TestOutputIsBounded(t *testing.T) {
	o := &output{}
	line := strings.Repeat("x", 1<<10)
	for range 1000 {
		o.add(line)
	}
	o.add("short")
	got := o.all()
	if n := len(got); n != 257 || got[255] != line || got[256] != "… and 745 more, which are left out: a test keeps 256 KiB" {
		t.Errorf("%d lines, the last %q", n, got[n-1])
	}
}

func TestJUnit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.xml")
	results := []FileResult{
		{Path: "a_test.lua", Took: 1500 * time.Millisecond, Tests: []Result{
			{Name: "fine", Took: 250 * time.Millisecond},
			{Name: `"odd" <&> ` + "\x00\xff", Failure: &Failure{Message: "a_test.lua:1: <b>\nmore", Details: "\n> 1 | x"}, Output: []string{"info x", "info \x1b"}},
			{Name: "later", Skipped: true},
		}},
		{Path: "b_test.lua", Err: &Failure{Message: "syntax"}},
	}
	if err := WriteJUnit(path, results); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Errors   int      `xml:"errors,attr"`
		Skipped  int      `xml:"skipped,attr"`
		Time     float64  `xml:"time,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string  `xml:"name,attr"`
				Time    float64 `xml:"time,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
				Output  string    `xml:"system-out"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &all); err != nil {
		t.Fatal(err, string(text))
	}
	if all.Tests != 4 || all.Failures != 1 || all.Errors != 1 || all.Skipped != 1 || all.Time != 1.5 || len(all.Suites) != 2 {
		t.Errorf("%+v", all)
	}
	a := all.Suites[0].Cases
	if a[0].Time != 0.25 || a[0].Failure != nil || a[2].Skipped == nil || a[1].Output == "" || all.Suites[1].Cases[0].Error == nil {
		t.Errorf("%+v", a)
	}
	if f := a[1].Failure; f == nil || f.Message != "a_test.lua:1: <b>" || f.Text != "a_test.lua:1: <b>\nmore\n> 1 | x" {
		t.Errorf("%+v", a[1])
	}
	if err := WriteJUnit(filepath.Join(path, "x"), results); err == nil {
		t.Error("no error")
	}
}

func TestReport(t *testing.T) {
	var b strings.Builder
	p := Report{W: &b, Seed: 7}
	results := []FileResult{
		{Path: "a_test.lua", Tests: []Result{{Name: "x", Output: []string{"info  unseen"}}}},
		{Path: "b_test.lua", Tests: []Result{{Name: "x"}, {Name: "y", Failure: &Failure{Message: "b_test.lua:1: no\n\nmore"}, Output: []string{"info  a", "warn  b"}}, {Skipped: true}}},
	}
	for _, r := range results {
		p.File(r)
	}
	total := p.Total(results)
	want := `ok    a_test.lua  1 test  0.00s
FAIL  b_test.lua  3 tests, 1 failed, 1 skipped  0.00s
  FAIL  y  0.00s
        b_test.lua:1: no

        more
        printed and logged:
          info  a
          warn  b

2 passed, 1 failed, 1 skipped in 2 files (0.00s)
random numbers: --seed 7
`
	if b.String() != want || total != (Total{2, 1, 1, 2}) {
		t.Errorf("got %q, %+v", b.String(), total)
	}
	b.Reset()
	Report{W: &b, Verbose: true}.File(results[0])
	if want := "ok    a_test.lua  1 test  0.00s\n  ok    x  0.00s\n        info  unseen\n"; b.String() != want {
		t.Errorf("got %q", b.String())
	}
}

// What hangs where no Lua runs is left behind.
func TestBoundedEnd(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	f := &file{timeout: time.Millisecond, patience: time.Millisecond}
	_, failure := bounded(f, func() (int, *Failure) { <-end; return 0, nil })
	if want := "the test took too long: 1ms, and did not end 1ms after that"; failure == nil || failure.Message != want {
		t.Errorf("got %+v", failure)
	}
	n, failure := bounded(&file{timeout: time.Hour}, func() (int, *Failure) { return 1, nil })
	if n != 1 || failure != nil {
		t.Error(n, failure)
	}
}
