package scripterror

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Panic takes the error of a function of Go that has panicked apart: gopher-lua has put 4 KiB of its stack
// in front of the script's traceback. goStack is empty where the script is to blame: it has filled a
// stack of Lua.
func Panic(err *lua.ApiError) (goStack, traceback string) {
	goStack, traceback, found := strings.Cut(err.StackTrace, "\nstack traceback:")
	if !found {
		return "", err.StackTrace
	}
	message := err.Object.String()
	if strings.Contains(message, "callstack overflow") || strings.Contains(message, "registry overflow") {
		goStack = ""
	}
	return goStack, "stack traceback:" + traceback
}

// CleanTraceback drops the lines that gopher-lua prints for its own frames and for
// functions of ours that no script has called by a name, and says what else is: a coroutine, and
// the function that a request called, where inHandler is true.
func CleanTraceback(s string, inHandler bool) string {
	lines := strings.Split(s, "\n")
	kept := lines[:0]
	for _, line := range lines {
		switch strings.TrimSpace(line) {
		case "[G]: ?", "[G]: in function (anonymous)":
			continue
		}
		if at, ok := strings.CutSuffix(line, "in main chunk"); ok && inHandler {
			line = at + "in the handler"
		} else if at, ok := strings.CutSuffix(line, "in corountine"); ok { // gopher-lua's spelling
			line = at + "in a coroutine"
		}
		kept = append(kept, line)
	}
	if len(kept) == 1 { // nothing but the heading
		return ""
	}
	return strings.Join(kept, "\n")
}
