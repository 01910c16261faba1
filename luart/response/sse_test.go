package response

import (
	"strconv"
	"strings"
	"testing"
)

// parseEvents reads an event stream as the HTML standard says, and returns what a client
// dispatches, with the id and the time to reconnect that it knows by then.
func parseEvents(stream string) (events []event) {
	stream = strings.TrimPrefix(stream, "\ufeff")
	stream = strings.ReplaceAll(strings.ReplaceAll(stream, "\r\n", "\n"), "\r", "\n")
	e := event{retry: -1}
	for line := range strings.Lines(stream) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break
		}
		if line == "" {
			if e.hasData {
				e.data = strings.TrimSuffix(e.data, "\n")
				events = append(events, e)
			}
			e.name, e.data, e.hasData = "", "", false
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.name = value
		case "data":
			e.data += value + "\n"
			e.hasData = true
		case "id":
			if !strings.Contains(value, "\x00") {
				e.id, e.hasID = value, true
			}
		case "retry":
			if n, err := strconv.Atoi(value); err == nil {
				e.retry = n
			}
		}
	}
	return events
}

func TestAppendEvent(t *testing.T) {
	for _, test := range []struct {
		e    event
		want string
	}{
		{event{data: "hi", hasData: true, retry: -1}, "data: hi\n\n"},
		{event{data: "", hasData: true, retry: -1}, "data: \n\n"},
		{event{data: "a\nb\r\nc\rd\n", hasData: true, retry: -1}, "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"},
		{event{data: "\r\r\n\n", hasData: true, retry: -1}, "data: \ndata: \ndata: \ndata: \n\n"},
		{event{data: "x", hasData: true, name: "add", id: "7", hasID: true, retry: 0}, "event: add\nid: 7\nretry: 0\ndata: x\n\n"},
		{event{id: "", hasID: true, retry: -1}, "id: \n\n"},
		{event{retry: 1500}, "retry: 1500\n\n"},
		{event{retry: -1}, ":\n\n"},
	} {
		if got := string(appendEvent([]byte("x"), test.e)); got != "x"+test.want {
			t.Errorf("%+v: got %q, want %q", test.e, got[1:], test.want)
		}
	}
}

// What a client reads is what was sent, but for how its lines end, and the event does not
// touch the one after it.
func FuzzEvent(f *testing.F) {
	f.Add("", "", "", false, true, -1)
	f.Add("add", "7", "a\r\nb\n\rc\n", true, true, 100)
	f.Add(" x", ": ", " data: \nid: 1\n\n", true, true, 0)
	f.Add("e", "", "\ufeff:\x00", true, true, -1)
	f.Fuzz(func(t *testing.T, name, id, data string, hasID, hasData bool, retry int) {
		if strings.ContainsAny(name, "\r\n") || strings.ContainsAny(id, "\r\n\x00") {
			return // a script cannot make such
		}
		if !hasID {
			id = ""
		}
		retry = max(retry, -1)
		after := event{name: "after", data: "next", hasData: true, retry: -1}
		stream := appendEvent(nil, event{name, id, data, hasID, hasData, retry})
		got := parseEvents(string(appendEvent(stream, after)))
		var want []event
		if hasData {
			data = strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
			want = append(want, event{name, id, data, hasID, true, retry})
		}
		want = append(want, event{"after", id, "next", hasID, true, retry})
		if len(got) != len(want) {
			t.Fatalf("%q: %d events, want %d", stream, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q: got %+v, want %+v", stream, got[i], want[i])
			}
		}
	})
}
