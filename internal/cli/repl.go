package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-rover/rover/internal/admin"
	"github.com/caddy-rover/rover/internal/handler"
	"github.com/caddy-rover/rover/internal/logformat"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/scripttest"
)

const replHelp = `Lua code, an expression or statements, is run and its values are printed. Locals last for one
input, globals stay. What is not complete goes on in the next line; an empty line ends it.
` + requestHelp + `
  :routes             what the script routes
  :reload             load the script again
  :help  :quit`

// replCommand makes caddy rover repl.
func replCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repl [<script.lua>] [--vm <name>] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Runs Lua code line by line, beside a script",
		Long: `Loads a script, with the options of the rover directive that names it in a Caddyfile beside it,
and runs the Lua code that it reads, among the script's globals. There is no network and no
environment. Without a script the code runs in an empty one, or with --vm, --address or
--config in the live VM of a running Caddy, as caddy rover eval does it.

` + replHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return failWith(cmd, caddy.ExitCodeFailedStartup, runREPL(cmd, caddycmd.Flags{FlagSet: cmd.Flags()}, args))
		},
	}
	adminFlags(cmd)
	return cmd
}

// evaluator is where the code of a REPL runs.
type evaluator interface {
	eval(ctx context.Context, source string) (luart.Evaluation, error)
	// command runs ":name rest", and reports whether there is such a command.
	command(ctx context.Context, out io.Writer, name, rest string) (known bool, err error)
}

func runREPL(cmd *cobra.Command, fl caddycmd.Flags, args []string) error {
	r := &repl{in: bufio.NewScanner(cmd.InOrStdin()), out: cmd.OutOrStdout(), errs: cmd.ErrOrStderr()}
	r.in.Buffer(nil, admin.MaxEvalBody)
	r.prompt = logformat.IsTerminal(cmd.InOrStdin())
	live := fl.String("vm") != "" || fl.String("address") != "" || fl.String("config") != ""
	switch {
	case live && len(args) > 0:
		return errors.New("a script, or the VM of a running Caddy, not both")
	case live:
		r.evaluator = liveEvaluator{fl}
	default:
		e, err := openScriptEvaluator(cmd.Context(), args, r.out)
		if err != nil {
			return err
		}
		defer e.close()
		r.evaluator = e
	}
	return r.run(cmd.Context())
}

// repl reads code and prints what becomes of it.
type repl struct {
	evaluator
	in        *bufio.Scanner
	out, errs io.Writer
	prompt    bool
}

// run returns at the end of the input, or at :quit.
func (r *repl) run(ctx context.Context) error {
	source := ""
	for r.read(source != "") {
		line := r.in.Text()
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), ":"); ok && source == "" {
			name, rest, _ := strings.Cut(name, " ")
			if name == "quit" || name == "q" {
				return nil
			}
			r.order(ctx, name, strings.TrimSpace(rest))
			continue
		}
		ended := source != "" && strings.TrimSpace(line) == ""
		source = strings.TrimPrefix(source+"\n"+line, "\n")
		if strings.TrimSpace(source) == "" {
			source = ""
			continue
		}
		e, err := r.eval(ctx, source)
		if err != nil {
			return err
		}
		if strings.Contains(e.Error, "near '<eof>'") && !ended {
			continue
		}
		source = ""
		printEvaluation(r.out, r.errs, e)
	}
	if source != "" {
		e, err := r.eval(ctx, source)
		if err != nil {
			return err
		}
		printEvaluation(r.out, r.errs, e)
	}
	return r.in.Err()
}

// read reads a line. more says that it goes on with what came before.
func (r *repl) read(more bool) bool {
	if r.prompt {
		fmt.Fprint(r.out, map[bool]string{false: "> ", true: ">> "}[more])
	}
	return r.in.Scan()
}

// order runs ":name rest".
func (r *repl) order(ctx context.Context, name, rest string) {
	if name == "help" {
		fmt.Fprintln(r.out, replHelp)
		return
	}
	known, err := r.command(ctx, r.out, name, rest)
	switch {
	case err != nil:
		fmt.Fprintln(r.out, "error: "+printable(err.Error()))
	case !known && isRequest(name):
		fmt.Fprintf(r.out, ":%s sends a request to a script of its own: caddy rover repl <script.lua>\n", name)
	case !known:
		fmt.Fprintf(r.out, "there is no command :%s here; :help lists them\n", name)
	}
}

// liveEvaluator is the VM of a running Caddy.
type liveEvaluator struct{ caddycmd.Flags }

func (l liveEvaluator) eval(_ context.Context, source string) (e luart.Evaluation, err error) {
	body, err := askAdmin(l.Flags, http.MethodPost, "/rover/eval", nil, strings.NewReader(source))
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	return e, err
}

func (l liveEvaluator) command(_ context.Context, out io.Writer, name, _ string) (bool, error) {
	switch name {
	case "reload":
		_, err := askAdmin(l.Flags, http.MethodPost, "/rover/reload", nil, nil)
		return true, err
	case "routes":
		body, err := askAdmin(l.Flags, http.MethodGet, "/rover/routes", nil, nil)
		var answer struct {
			VMs []admin.VMRoutes `json:"vms"`
		}
		if err == nil {
			err = json.Unmarshal(body, &answer)
		}
		if err == nil {
			err = printVMRoutes(out, answer.VMs)
		}
		return true, err
	}
	return false, nil
}

// scriptEvaluator is a script of its own.
type scriptEvaluator struct {
	app     *handler.Test
	path    string
	temp    string         // a folder to remove; "": none
	cookies *cookiejar.Jar // nil: they are not kept
}

func openScriptEvaluator(ctx context.Context, args []string, out io.Writer) (*scriptEvaluator, error) {
	e := &scriptEvaluator{}
	if len(args) == 0 {
		var err error
		if e.temp, err = os.MkdirTemp("", "rover-repl"); err != nil {
			return nil, err
		}
		args = []string{filepath.Join(e.temp, "repl.lua")}
		if err := os.WriteFile(args[0], []byte("api = rover.server {}\nreturn api\n"), 0o600); err != nil {
			return nil, err
		}
	}
	e.path = absolute(args[0])
	encoder := logformat.New(zapcore.EncoderConfig{
		MessageKey: "message", LevelKey: "level", EncodeLevel: zapcore.LowercaseLevelEncoder, ConsoleSeparator: "  ",
	})
	o := scripttest.Options{
		Script: e.path,
		Logger: zap.New(zapcore.NewCore(encoder, zapcore.AddSync(out), zapcore.InfoLevel)),
		Upstream: func(_ *http.Request, u scripttest.Upstream) (*http.Response, error) {
			if u.Kind == scripttest.Behind {
				return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody}, nil
			}
			return nil, scripttest.Refused(u, errors.New("there is no network in the REPL"))
		},
	}
	app, _, err := (&scriptConfigs{}).open(ctx, o)
	if err != nil {
		e.close()
		return nil, err
	}
	e.app = app.(*handler.Test)
	return e, nil
}

func (e *scriptEvaluator) close() {
	if e.app != nil {
		e.app.Close()
	}
	if e.temp != "" {
		_ = os.RemoveAll(e.temp)
	}
}

func (e *scriptEvaluator) eval(ctx context.Context, source string) (luart.Evaluation, error) {
	return e.app.Generation().Eval(ctx, source)
}

func (e *scriptEvaluator) command(ctx context.Context, out io.Writer, name, rest string) (bool, error) {
	switch name {
	case "reload":
		return true, e.app.Reload(ctx)
	case "routes":
		gen := e.app.Generation()
		return true, printScriptRoutes(out, admin.ScriptRoutes{Script: e.path, Routes: gen.Routes(), Hooks: gen.Hooks()})
	case "cookies":
		return true, e.keepCookies(out, rest)
	}
	if isRequest(name) {
		return true, e.request(ctx, out, name, rest)
	}
	return false, nil
}

// isRequest reports whether a command sends a request.
func isRequest(name string) bool {
	return slices.Contains([]string{"get", "post", "put", "patch", "delete", "head", "options"}, name)
}
