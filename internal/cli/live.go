package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/luart"
)

func killCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kill <id> [--vm <name>] [--address <interface>] [--config <path> [--adapter <name>]] [--json]",
		Short: "Ends one piece of Lua work that is in flight",
		Long: `Ends one request, background task or function that waits or runs in Lua; caddy rover top shows
the ids. A request is answered with 503.`,
		Args: cobra.ExactArgs(1),
		RunE: runs(kill),

		ValidArgsFunction: completeCall,
	}
	adminFlags(cmd)
	cmd.Flags().Bool("json", false, "Print what the admin API answers")
	return cmd
}

func kill(cmd *cobra.Command, fl caddycmd.Flags) (int, error) {
	id := fl.Arg(0)
	if _, err := strconv.ParseUint(id, 10, 64); err != nil {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("id %q is no number: caddy rover top shows the ids", id)
	}
	body, err := askAdmin(fl, http.MethodPost, "/rover/kill", url.Values{"id": {id}}, nil)
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	if fl.Bool("json") {
		_, err := shownOn(cmd.OutOrStdout()).Write(body)
		return caddy.ExitCodeSuccess, err
	}
	var answer struct{ Killed luart.Call }
	if err := json.Unmarshal(body, &answer); err != nil {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("reading the answer of the admin API: %w", err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "ended %s\n", oneLine(strings.TrimSpace(answer.Killed.Name+" "+answer.Killed.Path)))
	return caddy.ExitCodeSuccess, nil
}

func evalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "eval <chunk | -> [--vm <name>] [--address <interface>] [--config <path> [--adapter <name>]] [--json]",
		Short: "Runs Lua code in a live VM",
		Long: `Runs an expression, or statements, among the globals of the script that serves, and prints what
it prints and returns. What it changes stays changed. - reads the code from standard input.
The config must have admin_eval in the global option rover. The exit code is 2 for code that fails.`,
		Args: cobra.ExactArgs(1),
		RunE: runs(runEval),
	}
	adminFlags(cmd)
	cmd.Flags().Bool("json", false, "Print what the admin API answers, for code that fails, too")
	return cmd
}

// exitEvalFailed is the exit code of caddy rover eval for code that failed.
const exitEvalFailed = 2

func runEval(cmd *cobra.Command, fl caddycmd.Flags) (int, error) {
	chunk := fl.Arg(0)
	if chunk == "-" {
		text, err := io.ReadAll(cmd.InOrStdin())
		if err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		chunk = string(text)
	}
	body, err := askAdmin(fl, http.MethodPost, "/rover/eval", nil, strings.NewReader(chunk))
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	var e luart.Evaluation
	if err := json.Unmarshal(body, &e); err != nil {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("reading the answer of the admin API: %w", err)
	}
	if fl.Bool("json") {
		if _, err := shownOn(cmd.OutOrStdout()).Write(body); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
	} else {
		printEvaluation(cmd.OutOrStdout(), cmd.ErrOrStderr(), e)
	}
	if e.Error != "" {
		return exitEvalFailed, nil
	}
	return caddy.ExitCodeSuccess, nil
}

// printEvaluation prints what a chunk has printed and returned, and to errs what it has raised.
func printEvaluation(out, errs io.Writer, e luart.Evaluation) {
	out = shownOn(out)
	for _, line := range e.Printed {
		fmt.Fprintln(out, line)
	}
	for _, v := range e.Results {
		text := v.Text
		if v.Type == "table" && v.JSON != nil {
			var line bytes.Buffer
			if json.Compact(&line, v.JSON) == nil { // it came indented
				text = line.String()
			}
		}
		fmt.Fprintln(out, text)
	}
	if e.Error == "" {
		return
	}
	text := e.Error
	if e.Excerpt != "" {
		text += "\n" + e.Excerpt
	}
	if e.Hint != "" {
		text += "\nhint: " + e.Hint
	}
	fmt.Fprintln(errs, paletteOf(errs).failure(text))
}

func profileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile [--seconds <n>] [--output <file>] [--vm <name>] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Finds which Lua functions take the VM's time",
		Long: `Looks about 100 times a second at what Lua code runs, and writes a profile for go tool pprof:
go tool pprof -top rover.pb.gz, or -http=: for flame graphs.`,
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, fl caddycmd.Flags) (int, error) {
			body, err := askAdmin(fl, http.MethodGet, "/rover/profile", url.Values{"seconds": {strconv.Itoa(fl.Int("seconds"))}}, nil)
			if err != nil {
				return caddy.ExitCodeFailedStartup, err
			}
			name := fl.String("output")
			if err := os.WriteFile(name, body, 0o600); err != nil {
				return caddy.ExitCodeFailedStartup, fmt.Errorf("writing the profile: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: look at it with go tool pprof -top %s\n", name, name)
			return caddy.ExitCodeSuccess, nil
		}),
	}
	flags := cmd.Flags()
	flags.IntP("seconds", "s", 10, "How long to look, 1 to 300")
	flags.StringP("output", "o", "rover.pb.gz", "The file to write")
	adminFlags(cmd)
	return cmd
}
