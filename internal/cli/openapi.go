package cli

import (
	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/openapi"
)

// openapiCommand makes caddy rover openapi.
func openapiCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "openapi <script.lua> [--title <text>] [--version <version>] [--server <url>...] " +
			"[--allow <grants>] [--allow-env <names>] [--allow-fs <folder>...] [--allow-net <rules>] [--set <key=value>...] [--library <name>...]",
		Short: "Prints what a script answers, as a document of OpenAPI 3.1",
		Long: `Prints the routes of a script as a document of OpenAPI 3.1 in JSON: with what they expect, and what
doc{} says of them. The same script makes the same document, to the byte. The script is loaded as
caddy rover check does it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return failWith(cmd, caddy.ExitCodeFailedStartup, printOpenAPI(cmd, caddycmd.Flags{FlagSet: cmd.Flags()}, args[0]))
		},
	}
	flags := cmd.Flags()
	flags.String("title", openapi.DefaultTitle, "The title of the document")
	flags.String("version", openapi.DefaultVersion, "The version of the API")
	flags.StringArray("server", nil, "A URL at which the API is; repeat for several")
	scriptFlags(flags)
	return cmd
}

func printOpenAPI(cmd *cobra.Command, fl caddycmd.Flags, path string) error {
	servers, err := fl.GetStringArray("server")
	if err != nil {
		return err
	}
	info := openapi.Info{Title: fl.String("title"), Version: fl.String("version"), Servers: servers}
	var document []byte
	err = loadDry(cmd, fl, path, func(s luart.Script) (err error) {
		document, err = luart.DryOpenAPI(cmd.Context(), s, info)
		return err
	})
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(document)
	return err
}
