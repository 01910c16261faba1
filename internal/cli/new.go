package cli

import (
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// newFiles are what caddy rover new writes, beside definitions for editors. @key@ is a key that
// is made each time, so that no two folders share one; @upstream@ is the service behind.
//
//go:embed new
var newFiles embed.FS

// newCommand makes caddy rover new.
func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new <folder> [--upstream <address>]",
		Short: "Makes a folder to begin with: a script in front of a service, with tests",
		Long: `Writes a folder with a Caddyfile, a script that lets those who have a key use a service, its
tests, and settings and definitions for editors. The first lines of the Caddyfile say what to run.
The folder must be empty, or not there yet.`,
		Args: cobra.ExactArgs(1),
		RunE: runs(writeNew),
	}
	cmd.Flags().StringP("upstream", "u", "localhost:9000", "The service behind the script, as reverse_proxy takes it")
	return cmd
}

// writeNew writes the files of caddy rover new.
func writeNew(cmd *cobra.Command, fl caddycmd.Flags) (int, error) {
	folder, upstream := fl.Arg(0), fl.String("upstream")
	if _, err := proxyTokens([]string{upstream}); err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	if strings.ContainsAny(upstream, " \t\n\"`{}#") {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("--upstream %q: one address without spaces, quotes and braces expected", upstream)
	}
	if oneLine(folder) != folder {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("the folder %q: a name without control characters expected", folder)
	}
	if err := emptyFolder(folder); err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	types, err := typeFiles()
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	fill := strings.NewReplacer("@key@", strings.ToLower(rand.Text()), "@upstream@", upstream)
	for _, f := range []struct {
		name, from string
		mode       fs.FileMode
	}{
		{"Caddyfile", "Caddyfile", 0o600}, // the key is in it
		{"app.lua", "app.lua", 0o644},
		{"app_test.lua", "app_test.lua", 0o644},
		{".luarc.json", "luarc.json", 0o644},
	} {
		text, err := fs.ReadFile(newFiles, "new/"+f.from)
		if err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		path := filepath.Join(folder, f.name)
		if err := writeNewFile(path, fill.Replace(string(text)), f.mode); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "wrote", path)
	}
	if err := os.Mkdir(filepath.Join(folder, "types"), 0o755); err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	for _, f := range types {
		if err := writeNewFile(filepath.Join(folder, "types", f.File), f.Text, 0o644); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s, definitions for editors\n\n", filepath.Join(folder, "types"))
	fmt.Fprintf(cmd.OutOrStdout(), "The first lines of %s say what to run: begin with\n\n  cd %s && caddy rover test && caddy run\n",
		filepath.Join(folder, "Caddyfile"), folder)
	return caddy.ExitCodeSuccess, nil
}

// emptyFolder makes a folder, if it is not there. One that has something in it is an error.
func emptyFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.MkdirAll(folder, 0o755)
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("folder %s is not empty (it has %s): name one that is, or that is not there yet", folder, entries[0].Name())
	}
	return nil
}

// writeNewFile writes a file that is not there.
func writeNewFile(path, text string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
