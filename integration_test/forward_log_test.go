package integration_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readLog adds to each run what the access log says of its requests, without what is time and
// place.
func (f *forward) readLog(t *testing.T, runs []*run) {
	t.Helper()
	file, err := os.Open(filepath.Join(f.dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	byRun := map[string][]map[string]any{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line map[string]any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v in %.1000q", err, lines.Text())
		}
		run, _ := line["run"].(string)
		byRun[run] = append(byRun[run], line)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		for _, line := range byRun[r.id] {
			r.note("log: %s", r.logged(line))
		}
	}
}

// logged is a line of the access log, with its fields in order.
func (r *run) logged(line map[string]any) string {
	for _, name := range append([]string{"ts", "duration", "logger", "run"}, r.c.log...) {
		delete(line, name)
	}
	for name := range line { // which only a script's have
		if strings.HasPrefix(name, "rover.") {
			delete(line, name)
		}
	}
	request, _ := line["request"].(map[string]any)
	for _, name := range []string{"remote_port", "client_port", "tls"} {
		delete(request, name)
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err.Error()
	}
	return mask(r.unnamed(string(text)))
}

// expectNoOtherFault looks for panics and data races but those that Caddy has by itself: its handler
// panics where the status of a response is below 100; its access log reads how much of a request's
// body has come while http.Transport may still read on, and that reads the trailers meanwhile.
func (f *forward) expectNoOtherFault() {
	f.t.Helper()
	text, races, _ := strings.Cut(f.stderr.String(), "WARNING: DATA RACE")
	for race := range strings.SplitSeq(races, "WARNING: DATA RACE") {
		logged := strings.Contains(race, ".(*lengthReader).Read()") && strings.Contains(race, ".(*Server).logRequest()")
		trailers := strings.Contains(race, ".(*requestBodyWithTrailers).Read()") && strings.Contains(race, "net/http.(*transferWriter).")
		if race != "" && !logged && !trailers {
			f.t.Errorf("a data race: %.5000s", race)
		}
	}
	for _, name := range []string{"caddy.log", "net_http.log"} {
		data, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			f.t.Fatal(err)
		}
		text += string(data)
	}
	for line := range strings.Lines(text) {
		lower := strings.ToLower(line)
		if strings.Contains(lower, "invalid writeheader code") {
			continue
		}
		if strings.Contains(lower, "panic") || strings.Contains(lower, "fatal error") {
			f.t.Errorf("in the log: %.2000s", line)
		}
	}
}
