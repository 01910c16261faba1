package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// runs makes the function of a command that cobra wants. An error that f returns is printed by
// failWith; Caddy's own wrapper would log it, in one line. A code without an error says that what
// is wrong has been printed.
func runs(f func(cmd *cobra.Command, fl caddycmd.Flags) (code int, err error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		code, err := f(cmd, caddycmd.Flags{FlagSet: cmd.Flags()})
		switch {
		case err != nil:
			return failWith(cmd, max(code, 1), err)
		case code != 0:
			return exitWith(cmd, code)
		}
		return nil
	}
}

// failWith prints an error for people, with its lines as they are, and has the process exit
// with a code. With --json it is JSON on standard output. nil is no error.
func failWith(cmd *cobra.Command, code int, err error) error {
	if err == nil {
		return nil
	}
	if isJSON(cmd) {
		var answer *adminError
		if !errors.As(err, &answer) {
			answer = &adminError{Message: err.Error()}
		}
		if printErr := printJSON(cmd.OutOrStdout(), answer); printErr == nil {
			return exitWith(cmd, code)
		}
	}
	out := cmd.ErrOrStderr()
	fmt.Fprintln(out, paletteOf(out).failure(err.Error()))
	return exitWith(cmd, code)
}

// isJSON reports whether a command is to print JSON.
func isJSON(cmd *cobra.Command) bool {
	asked := cmd.Flags().Lookup("json")
	return asked != nil && asked.Value.String() == "true"
}

// exitWith has the process exit with a code other than zero, and nothing printed.
func exitWith(cmd *cobra.Command, code int) error {
	cmd.SilenceErrors = true
	if code == 1 {
		return errors.New("exit")
	}
	// The error type that Caddy's main takes a code from is its own.
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}

// printJSON prints what --json asks for.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(shownOn(w))
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// adminError is an error that the admin API has answered with; with --json it is printed as it is
// here. Errors of commands that did not come as far have no status.
type adminError struct {
	Message string `json:"error"`
	Status  int    `json:"status,omitempty"`
}

func (e *adminError) Error() string { return e.Message }

// How caddycmd.AdminAPIRequest says what went wrong: it has the status, and what the admin API
// says, in the text only.
var (
	answeredError  = regexp.MustCompile(`(?s)^caddy responded with error: HTTP (\d{3}): (.*)$`)
	performedError = regexp.MustCompile(`(?s)^performing request: \w+ "[^"]*": (.*)$`)
)

// adminErrorOf takes the error of caddycmd.AdminAPIRequest apart, for people.
func adminErrorOf(address string, err error) error {
	if err == nil {
		return nil
	}
	if found := performedError.FindStringSubmatch(err.Error()); found != nil {
		return fmt.Errorf("no Caddy answers at %s: %s; --address or --config says where another one is", address, found[1])
	}
	found := answeredError.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	answer := &adminError{}
	if json.Unmarshal([]byte(found[2]), answer) != nil || answer.Message == "" {
		answer.Message = strings.TrimSpace(found[2])
	}
	_, _ = fmt.Sscan(found[1], &answer.Status) // three digits
	return answer
}
