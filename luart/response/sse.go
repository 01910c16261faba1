package response

import (
	"strconv"
	"strings"
)

// event is one message of an event stream, in the format of the HTML standard (section
// "Server-sent events").
type event struct {
	name, id, data string // of which hasID and hasData say whether they are there
	hasID, hasData bool
	retry          int // milliseconds; negative: not there
}

// Heartbeat is what a client ignores: it keeps a connection in use.
const Heartbeat = ":\n\n"

// appendEvent appends e as a client reads it. Each line of data gets a field of its own;
// CR LF, CR and LF all end one, and a client sees LF. name and id must not contain CR or
// LF, and id no NUL. An event without any field is a comment.
func appendEvent(b []byte, e event) []byte {
	if e.name == "" && !e.hasID && e.retry < 0 && !e.hasData {
		return append(b, Heartbeat...)
	}
	if e.name != "" {
		b = appendField(b, "event", e.name)
	}
	if e.hasID {
		b = appendField(b, "id", e.id)
	}
	if e.retry >= 0 {
		b = appendField(b, "retry", strconv.Itoa(e.retry))
	}
	if e.hasData {
		rest := e.data
		for {
			end := strings.IndexAny(rest, "\r\n")
			if end < 0 {
				b = appendField(b, "data", rest)
				break
			}
			b = appendField(b, "data", rest[:end])
			if strings.HasPrefix(rest[end:], "\r\n") {
				end++
			}
			rest = rest[end+1:]
		}
	}
	return append(b, '\n')
}

// appendField appends one line. A client takes one space after the colon away, so that
// those of the value itself stay.
func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, '\n')
}
