package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of what is said about one value: a client that sends many wrong items gets no answer that is
// much longer than what it sent, and an end is put to the search.
const (
	MaxFaults = 1000

	// maxFaultText bytes of names and messages are said; what comes then is not looked at.
	maxFaultText = 128 << 10

	// MaxDepth of levels in a value is looked at.
	MaxDepth = 64

	// maxMessage bytes of a message are said: that of a script may be of any length.
	maxMessage = 1 << 10

	// MaxEcho bytes of what a client sent are in a message.
	MaxEcho = 64
)

// Fault is one thing that is wrong with a value.
type Fault struct {
	Field   string `json:"field"`   // "items[2].id"; "" is the value itself
	Message string `json:"message"` // "Must be a string, got number"
	Type    string `json:"type"`    // "required", "type", "enum", "min", …
}

// Faults is what is wrong with a value: at least one thing.
type Faults struct {
	List []Fault // in the order of the schema's names; MaxFaults at most
	More bool    // there may be others

	what  string // the value's name
	first string // the message about the first
	size  int
}

// NewFaults returns an empty list for a value: "request body".
func NewFaults(what string) *Faults { return &Faults{what: what} }

// Empty reports whether nothing is wrong.
func (f *Faults) Empty() bool { return len(f.List) == 0 }

// Full reports whether no more faults are taken: there is no need to look further.
func (f *Faults) Full() bool { return f.More }

// Add notes that the value at a place must be something: "be a string, got number".
func (f *Faults) Add(at *Place, kind, must string) {
	subject, message := f.subject(at), "Must "+must
	if at == nil { // there is no field that says what is meant
		message = subject + " must " + must
	}
	f.add(at, kind, message, subject+" must "+must)
}

// AddMissing notes that there is no value at a place. message is what the script says about that; "":
// the usual.
func (f *Faults) AddMissing(at *Place, message string) {
	if message == "" {
		message = f.subject(at) + " is required"
	}
	f.add(at, "required", message, message)
}

// AddText notes a fault with a message of the script's own.
func (f *Faults) AddText(at *Place, kind, message string) { f.add(at, kind, message, message) }

// AddUnknown notes that nothing is expected at a place.
func (f *Faults) AddUnknown(at *Place) {
	f.add(at, "unknown", "Is not expected", f.subject(at)+" is not expected")
}

func (f *Faults) subject(at *Place) string {
	if at == nil {
		return strings.ToUpper(f.what[:1]) + f.what[1:]
	}
	return "Field '" + at.String() + "'"
}

func (f *Faults) add(at *Place, kind, message, alone string) {
	if f.More {
		return
	}
	fault := Fault{Field: at.String(), Message: cut(message, maxMessage), Type: kind}
	f.size += len(fault.Field) + len(fault.Message)
	if len(f.List) == MaxFaults || f.size > maxFaultText {
		f.More = true // there is one in the list: none is that long
		return
	}
	if len(f.List) == 0 {
		f.first = cut(alone, maxMessage)
	}
	f.List = append(f.List, fault)
}

// Message is one line about all of them: the first, and how many more there are.
func (f *Faults) Message() string {
	switch n := len(f.List) - 1; {
	case f.More:
		return f.first + ", and more"
	case n > 0:
		return fmt.Sprintf("%s, and %d more", f.first, n)
	}
	return f.first
}

// All is List, and behind it a last one that says that there may be more.
func (f *Faults) All() []Fault {
	if f.More {
		return append(f.List[:len(f.List):len(f.List)], Fault{Message: "and more", Type: "more"})
	}
	return f.List
}

// JSON is what a client gets: {"errors":[…]}.
func (f *Faults) JSON() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string][]Fault{"errors": f.All()}); err != nil {
		panic(err) // texts can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// String is a list of them for people.
func (f *Faults) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Validation failed for %s:\n", f.what)
	for i, fault := range f.List {
		fmt.Fprintf(&b, "\n  %d. Field '%s'\n     Error: %s\n     Type: %s\n", i+1, fault.Field, fault.Message, fault.Type)
	}
	if f.More {
		b.WriteString("\n  and more\n")
	}
	return b.String()
}

// Place is where a value stands; nil is the value itself. It becomes text only when something is
// wrong there.
type Place struct {
	Up    *Place
	Name  string
	Index int // in an array; 0: Name counts
}

// String is the path to the place: "items[2].id".
func (p *Place) String() string {
	path := ""
	for ; p != nil; p = p.Up {
		switch {
		case p.Index > 0:
			path = "[" + strconv.Itoa(p.Index) + "]" + path
		case p.Up != nil:
			path = "." + Echo(p.Name) + path
		default:
			path = Echo(p.Name) + path
		}
	}
	return path
}

// Echo is a text of a client as messages show it: its beginning, on one line.
func Echo(text string) string {
	quoted := strconv.Quote(cut(text, MaxEcho))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// cut returns the beginning of a text, up to the end of a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for range utf8.UTFMax - 1 {
		if utf8.RuneStart(text[most]) {
			break
		}
		most--
	}
	return text[:most] + "..."
}
