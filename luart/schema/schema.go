package schema

import "slices"

// Kind is the type of a value.
type Kind uint8

// Any is the zero Kind: any value but null.
const (
	Any Kind = iota
	String
	Number
	Integer // a number without a fraction, however it is written: 3.0 is one
	Boolean
	Array
	Object
	Table // an array or an object
)

var kindNames = [...]string{"any", "string", "number", "integer", "boolean", "array", "object", "table"}

// String is the name of a kind, as scripts write it.
func (k Kind) String() string { return kindNames[k] }

// KindNamed is the reverse of String.
func KindNamed(name string) (Kind, bool) {
	i := slices.Index(kindNames[:], name)
	return Kind(max(i, 0)), i >= 0
}

// Article is what a value of the kind is called in a sentence: "an integer".
func (k Kind) Article() string {
	switch k {
	case Any:
		return "a value"
	case Table:
		return "an object or an array"
	case Integer, Array, Object:
		return "an " + k.String()
	}
	return "a " + k.String()
}

// Schema says what a value is to be. Its zero value is any value but null.
type Schema struct {
	Kind     Kind
	Nullable bool // null is a value of it, and stays in the result

	// Default is the value where there is none. It is as the schema says. See Value; nil: there
	// is none.
	Default Value

	Enum     []Value  // the value is one of them; nil: any
	Min, Max *float64 // of a Number or Integer: the value. Of a String: characters. Of an Array: items
	Len      *float64 // of a String or Array: exactly so many
	Pattern  Pattern  // a String has a match of it; nil: any
	Format   Format   // of a String
	Checks   []Check  // functions of the script, asked last; only the holder of the VM can
	Element  *Field   // of an Array: each item. Its name is "", and it is there; nil: any items
	Fields   []Field  // of an Object: its members, in the order of their names
	Open     bool     // of an Object: it may have any members, which stay; false: Fields are all of them
}

// Field is a place for a value: a member of an object, an item of an array, or the whole.
type Field struct {
	Name     string
	Required bool
	Message  string // about a required one that is missing; "": the usual one
	Schema   *Schema
}

// Value is a value of JSON in Go: a bool, a float64, a string, a []any, or a map[string]any of such.
type Value = any

// Pattern is a regular expression that takes time in proportion to the text.
type Pattern interface {
	String() string // in the syntax of RE2
}

// Check is a function of a script that looks at a value. What it is only the VM knows.
type Check = any

// Extra says what becomes of a member that a schema does not name.
type Extra uint8

const (
	Strip  Extra = iota // it is not in the result
	Keep                // it is in the result, unchecked
	Refuse              // it is a fault
)

// Request is what a place expects of requests with one method. Each part is a schema of the kind
// Object, but for the body, which may be of any kind; nil: it is not looked at.
type Request struct {
	Body, Query, Params, Headers *Field

	Extra Extra // members of the body, and parameters of the query, that are not named
}

// HasChecks reports whether a function of the script looks at the value, or at one in it.
func (f *Field) HasChecks() bool {
	found := false
	f.Walk(func(s *Schema) { found = found || len(s.Checks) > 0 })
	return found
}

// Walk calls see with the schema of a field and with all in it, each once.
func (f *Field) Walk(see func(*Schema)) {
	seen := map[*Schema]bool{}
	var walk func(*Field)
	walk = func(f *Field) {
		if f == nil || seen[f.Schema] {
			return
		}
		seen[f.Schema] = true
		see(f.Schema)
		walk(f.Schema.Element)
		for i := range f.Schema.Fields {
			walk(&f.Schema.Fields[i])
		}
	}
	walk(f)
}
