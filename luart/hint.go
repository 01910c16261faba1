package luart

import "strings"

// hint says what to do about a script error, empty when nothing is sure. Only the holder
// may call it.
func (g *Generation) hint(err *ScriptError) string {
	switch {
	case strings.HasSuffix(err.Message, errRoutesFixed):
		return "define routes and hooks at the top level of the script, when it loads"
	}
	return ""
}
