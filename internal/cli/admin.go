package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/internal/scripts"
)

// adminCommand is a subcommand that asks the admin API of a running Caddy.
type adminCommand struct {
	name, method, short, long string
	again                     bool // to be asked again while the config is being replaced
}

func (c adminCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   c.name + " [--vm <name>] [--address <interface>] [--config <path> [--adapter <name>]] [--json]",
		Short: c.short,
		Long:  c.long,
		Args:  cobra.NoArgs,
		RunE:  runs(c.run),

		ValidArgsFunction: cobra.NoFileCompletions,
	}
	adminFlags(cmd)
	cmd.Flags().Bool("json", false, "Print what the admin API answers")
	return cmd
}

// adminFlags adds the flags that say which VM of which Caddy a command is about.
func adminFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.String("vm", "", "The VM, by its name or the path of its script; all if not given")
	_ = cmd.RegisterFlagCompletionFunc("vm", completeVM) // the flag is there
	flags.String("address", "", "Address of the admin API, if not that of the config")
	flags.StringP("config", "c", "", "Configuration file to take the address from")
	flags.StringP("adapter", "a", "", "Name of the config adapter to apply")
}

// adminAddress returns the address of the admin API that adminFlags name.
func adminAddress(fl caddycmd.Flags) (string, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(fl.String("address"), nil, fl.String("config"), fl.String("adapter"))
	if err != nil {
		return "", fmt.Errorf("finding the address of the admin API: %w", err)
	}
	return address, nil
}

// oneRequest are headers for the admin API: AdminAPIRequest forgets the connection, which
// would stay open.
var oneRequest = http.Header{"Connection": {"close"}}

// askAdmin asks the admin API that adminFlags name, about the VM that they name.
func askAdmin(fl caddycmd.Flags, method, path string, query url.Values, body io.Reader) ([]byte, error) {
	address, err := adminAddress(fl)
	if err != nil {
		return nil, err
	}
	if query == nil {
		query = url.Values{}
	}
	if vm := fl.String("vm"); vm != "" {
		query.Set("vm", vm)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	resp, err := caddycmd.AdminAPIRequest(address, method, path, oneRequest, body)
	if err != nil {
		return nil, adminErrorOf(address, err)
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// exitRefused is the exit code of caddy rover status where the last reload of a VM was refused.
const exitRefused = 3

func (c adminCommand) run(cmd *cobra.Command, fl caddycmd.Flags) (int, error) {
	ask := func() ([]byte, error) { return askAdmin(fl, c.method, "/rover/"+c.name, nil, nil) }
	body, err := ask()
	if c.again {
		body, err = askAgain(body, err, ask, func() { time.Sleep(replacedPause) })
	}
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	var answer struct {
		VMs []scripts.Status `json:"vms"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("reading the answer of the admin API: %w", err)
	}
	if fl.Bool("json") {
		_, err = shownOn(cmd.OutOrStdout()).Write(body)
	} else {
		err = printStatus(cmd.OutOrStdout(), answer.VMs)
	}
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	if c.name == "status" && slices.ContainsFunc(answer.VMs, func(s scripts.Status) bool { return s.LastError != nil }) {
		return exitRefused, nil
	}
	return caddy.ExitCodeSuccess, nil
}

const (
	// A config that is replaced answers 503 until the next one has taken over: that takes as long
	// as its on_start, and loading other modules. It is asked again for some ten seconds.
	replacedTries = 40
	replacedPause = 250 * time.Millisecond
)

// askAgain goes on to ask, after a pause each time, while the answer is that the config is being
// replaced. body and err are the first answer.
func askAgain(body []byte, err error, ask func() ([]byte, error), pause func()) ([]byte, error) {
	for range replacedTries {
		var answer *adminError
		if !errors.As(err, &answer) || answer.Status != http.StatusServiceUnavailable {
			break
		}
		pause()
		body, err = ask()
	}
	return body, err
}
