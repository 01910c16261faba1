package chunk

import "regexp"

// Unnamed is the name of functions that have none.
const Unnamed = "function"

// FunctionAt returns the name of the function that a line of the file defines, "api.hello.get", or
// Unnamed if it gives none, or defines several.
func (f *File) FunctionAt(line int) string { return definedAs(f.LineAt(line)) }

var definitions = regexp.MustCompile(`\bfunction\s+([\w.:]+)\s*\(|([\w.:]+)\s*=\s*function\b`)

// definedAs returns the name that a line of source gives the function it defines, Unnamed
// if it gives none, or defines several.
func definedAs(line string) string {
	m := definitions.FindAllStringSubmatch(line, 2)
	if len(m) != 1 {
		return Unnamed
	}
	return m[0][1] + m[0][2]
}
