package luart

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

const crowded = `
	local api = rover.server {}
	api.one.concurrency { max = 1 }
	api.one.below.concurrency { max = 2, name = "below" }
	api.ip.concurrency { max = 1, key = "ip", wait = 60 }
	api.header.concurrency { max = 1, key = "header:X-Key" }
	api.a.concurrency { max = 1, name = "both" }
	api.b.concurrency { max = 1, name = "both" }
	api.nested.concurrency { max = 1, name = "n" }
	api.nested.again.concurrency { max = 1, name = "n" }
	function api.concurrency.get() return "a segment" end
	return api`

// takePlaces gives a request its places, and says what came of it: leave gives them back.
func (s *server) takePlaces(t *testing.T, path string, headers ...string) (leave func(), err error) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	x := s.gen.Begin(httptest.NewRecorder(), r, s, s.next)
	if x == nil {
		t.Fatalf("%s is not covered", path)
	}
	places, err := x.Admit(http.Header{}, nil, nil)
	x.End()
	return func() { places.Leave(nil) }, err
}

// A rule covers its place and below, by any reading, until the response has ended.
func TestConcurrency(t *testing.T) {
	s := newServer(t, crowded)
	for _, c := range []struct {
		first, second string
		header        [2]string
		want          string // the rule that refuses the second; "": none does
	}{
		{"/one", "/one", [2]string{}, "/one"},
		{"/one", "/ONE/below", [2]string{}, "/one"},
		{"/one", "//one;v=1", [2]string{}, "/one"},
		{"/one", "/a", [2]string{}, ""},
		{"/header", "/header", [2]string{"X-Key: a", "X-Key: a"}, "/header"},
		{"/header", "/header", [2]string{"X-Key: a", "X-Key: b"}, ""},
		{"/header", "/header", [2]string{"X-Key: a", "X: b"}, ""},
		{"/header", "/header", [2]string{"X: a", "X: b"}, "/header"}, // by the address
		{"/a", "/b", [2]string{}, "both"},
		{"/nested/again", "/nested", [2]string{}, "n"}, // and it does not wait for itself
	} {
		leave, err := s.takePlaces(t, c.first, c.header[0])
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		second, err := s.takePlaces(t, c.second, c.header[1])
		var crowd *CrowdedError
		if errors.As(err, &crowd); (crowd == nil) != (c.want == "") || crowd != nil && crowd.Rule != c.want {
			t.Errorf("%v: %v", c, err)
		}
		second()
		leave()
		again, err := s.takePlaces(t, c.second, c.header[1])
		if err != nil {
			t.Errorf("%v, when the first has ended: %v", c, err)
		}
		again()
	}
	s.expect("GET /concurrency", "200 a segment")
	for name, gate := range s.vm.Concurrency() {
		if got := gate.Stats(); got.Inside != 0 || got.Waiting != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := s.gen.Hooks()[0]; got.Kind != "concurrency" || got.Name != "both" || got.Pattern != "/a" {
		t.Errorf("the first rule is listed as %+v", got)
	}
}

// What one generation has let in counts for the next.
func TestConcurrencySurvivesReload(t *testing.T) {
	s := newServer(t, crowded)
	leave, err := s.takePlaces(t, "/ip")
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan error)
	go func() {
		leave, err := s.takePlaces(t, "/ip")
		leave()
		next <- err
	}()
	gate := s.vm.Concurrency()["/ip"]
	for gate.Stats().Waiting == 0 {
		runtime.Gosched()
	}
	old := s.gen
	if err := s.load(strings.Replace(crowded, `key = "ip", wait = 60`, `key = "ip"`, 1)); err != nil {
		t.Fatal(err)
	}
	old.Retire()
	if _, err := s.takePlaces(t, "/ip"); err == nil {
		t.Error("the new version knows nothing of what is under way")
	}
	leave()
	if err := <-next; err != nil {
		t.Error(err)
	}
}

// With a new version of the script its bounds hold for those who wait, too.
func TestConcurrencyOfNewVersion(t *testing.T) {
	const rule = `api.ip.concurrency { max = 1, key = "ip", wait = 60 }`
	for _, c := range []struct{ name, rule string }{
		{"wider", `api.ip.concurrency { max = 2, key = "ip" }`},
		{"with another one before it", `api.ip.limit { rate = 1 } api.ip.concurrency { max = 2, key = "ip" }`},
		{"none", ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, crowded)
			leave, err := s.takePlaces(t, "/ip")
			if err != nil {
				t.Fatal(err)
			}
			next := make(chan error)
			go func() {
				leave, err := s.takePlaces(t, "/ip")
				next <- err
				leave()
			}()
			gate := s.vm.Concurrency()["/ip"]
			for gate.Stats().Waiting == 0 {
				runtime.Gosched()
			}
			old := s.gen
			if err := s.load("local broken ="); err == nil {
				t.Error("a script that is none has loaded")
			}
			if err := s.load(strings.Replace(crowded, rule, rule+" error()", 1)); err == nil {
				t.Error("a script that fails has loaded")
			}
			if n := gate.Stats().Waiting; n != 1 {
				t.Errorf("%d wait after a version that does not load", n)
			}
			if err := s.load(strings.Replace(crowded, rule, c.rule, 1)); err != nil {
				t.Fatal(err)
			}
			old.Retire()
			if err := <-next; err != nil {
				t.Error(err)
			}
			leave()
		})
	}
}

// The end of the VM ends what waits.
func TestConcurrencyEnds(t *testing.T) {
	s := newServer(t, crowded)
	leave, err := s.takePlaces(t, "/ip")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	next := make(chan error)
	go func() {
		_, err := s.takePlaces(t, "/ip")
		next <- err
	}()
	for s.vm.Concurrency()["/ip"].Stats().Waiting == 0 {
		runtime.Gosched()
	}
	s.vm.Close(context.Background())
	if err := <-next; err == nil {
		t.Error("it was let in")
	}
}

func TestConcurrencyMistakes(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for options, want := range map[string]string{
		`{}`:                               "how many at once? max is not given",
		`{ max = 0 }`:                      "option 'max': an integer from 1 to 100000 expected, got 0",
		`{ max = 1.5 }`:                    "option 'max': an integer from 1 to 100000 expected, got 1.5",
		`{ max = "1" }`:                    "option 'max': an integer from 1 to 100000 expected, got the text \"1\"",
		`{ max = 1, wait = -1 }`:           "option 'wait': seconds, 0 to 3600, expected, got -1",
		`{ max = 1, wait = 0/0 }`:          "option 'wait': seconds, 0 to 3600, expected, got ",
		`{ max = 1, queue = 0 }`:           "option 'queue': an integer from 1 to 10000 expected, got 0",
		`{ max = 1, key = "id" }`:          `option 'key': "ip", "route", "header:<name>", "cookie:<name>", "jwt:<claim>" expected, got id`,
		`{ max = 1, key = function() end}`: `option 'key': "ip", "route", "header:<name>", "cookie:<name>", "jwt:<claim>" expected, got function`,
		`{ max = 1, name = "" }`:           "option 'name': a text of 1 to 128 bytes expected",
		`{ maxi = 1 }`:                     `unknown option "maxi": did you mean max?`,
		`5`:                                "table expected, got number",
	} {
		err := s.load("local api = rover.server {} api.x.concurrency(" + options + ") return api")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
}
