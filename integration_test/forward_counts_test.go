package integration_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var handled = regexp.MustCompile(`(?m)^caddy_http_request_duration_seconds_count\{(.*)\} (\d+)$`)

// expectCounts makes the same requests by each way, and compares the metrics: there are as many of
// each method and status.
func (f *forward) expectCounts(t *testing.T) {
	cases := []*forwardCase{
		{clientRequest: clientRequest{target: "/a"}, answer: fine},
		{clientRequest: clientRequest{target: "/b"}, answer: message("404 Not Found", "Content-Length: 0")},
		{clientRequest: clientRequest{method: "HEAD"}, answer: message("200 OK", "Content-Length: 4")},
		{clientRequest: clientRequest{method: "POST", body: "some"}, answer: message("204 No Content")},
		{up: func(c *upConn) { c.next() }},
		{clientRequest: clientRequest{method: "PUT", body: "some"}, up: func(c *upConn) { c.next() }},
		{block: "retry", up: func(c *upConn) { c.next() }},
	}
	for _, c := range cases {
		c.protos = []int{1}
	}
	f.runAll(cases)
	count := func(way string) string {
		var lines []string
		for _, m := range handled.FindAllStringSubmatch(f.ask("/metrics"), -1) {
			if labels, ok := strings.CutSuffix(m[1], `,server="`+way+`-plain"`); ok {
				lines = append(lines, labels+" "+m[2])
			}
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	deadline := time.Now().Add(patience) // a client has its answer before that is counted
	for _, way := range forwardWays {
		for {
			want, got := count(forwardWays[0]), count(way)
			if got == want && strings.Contains(got, `code="502",handler="subroute",method="PUT"`) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("metrics of %s:\n%s\nof %s:\n%s", way, got, forwardWays[0], want)
			}
			runtime.Gosched()
		}
	}
}

// expectInFlight asks the admin API for the requests that are under way, while one is and when it
// is over.
func (f *forward) expectInFlight(t *testing.T) {
	inFlight := func(r *run) (n int) {
		var rows []struct {
			Address  string `json:"address"`
			Requests int    `json:"num_requests"`
		}
		if err := json.Unmarshal([]byte(f.ask("/reverse_proxy/upstreams")), &rows); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row.Address == "127.0.0.1:"+r.up.name() {
				n = max(n, row.Requests)
			}
		}
		return n
	}
	runs := f.runAll([]*forwardCase{{protos: []int{1}, client: func(r *run) {
		s := r.begin(clientRequest{})
		s.finish()
		r.wait("asked")
		n := inFlight(r)
		r.reach("counted")
		if s.headOf() {
			s.rest()
		}
		for deadline := time.Now().Add(patience); inFlight(r) > 0; runtime.Gosched() {
			if time.Now().After(deadline) {
				r.note("under way for ever")
				break
			}
		}
		r.seen.Reset()
		r.note("%d under way, none behind", n)
	}, up: func(c *upConn) {
		if c.head() {
			c.reach("asked")
			c.wait("counted")
			c.say(fine)
		}
	}}})
	for _, r := range runs {
		if want := fmt.Sprintf("%d under way, none behind\n", 1); !strings.HasPrefix(r.String(), want) {
			t.Errorf("%s: %s", r.way, r)
		}
	}
}
