package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func uiCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ui [--listen <address>] [--token <text>] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Shows the status page in a browser",
		Long: `Prints the address of a page that shows what the scripts of a running Caddy do, and serves it
until it is interrupted.

Caddy's admin API refuses browsers that come to it directly, and may be a socket that they
cannot reach. This command stands between: it asks the admin API in the browser's place, for
nothing but the page and what it links, and only for whoever knows the address, which has a secret in it.`,
		Args: cobra.NoArgs,
		RunE: runs(runUI),
	}
	flags := cmd.Flags()
	flags.StringP("listen", "l", "127.0.0.1:0", "Address to serve the page at; port 0 is any that is free")
	flags.String("token", "", "The secret in the page's address; random if not given")
	adminFlags(cmd)
	return cmd
}

func runUI(cmd *cobra.Command, fl caddycmd.Flags) (int, error) {
	address, err := adminAddress(fl)
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	token := fl.String("token")
	switch {
	case token == "":
		token = rand.Text()
	case strings.ContainsAny(token, "/?#%"):
		return caddy.ExitCodeFailedStartup, fmt.Errorf("token %q is no segment of a path", token)
	}
	l, err := net.Listen("tcp", fl.String("listen"))
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	ui := &uiServer{host: l.Addr().String(), prefix: "/" + token, ask: func(method, uri string) (*http.Response, error) {
		resp, err := caddycmd.AdminAPIRequest(address, method, uri, oneRequest, nil)
		return resp, adminErrorOf(address, err)
	}}
	server := &http.Server{Handler: ui, ReadHeaderTimeout: 10 * time.Second}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Fprintf(cmd.OutOrStdout(), "http://%s%s/rover/ui\n", ui.host, ui.prefix)
	select {
	case <-stop:
		_ = server.Close()
		<-served //nolint:errcheck // it says that it was closed
		return caddy.ExitCodeSuccess, nil
	case err := <-served:
		return caddy.ExitCodeFailedStartup, err
	}
}

// uiServer gives a browser what the status page needs of the admin API.
type uiServer struct {
	host   string // that the page is at
	prefix string // of paths: a slash and the secret
	ask    func(method, uri string) (*http.Response, error)
}

// uiRoutes are all that the page asks for, and links.
var uiRoutes = []string{"GET /rover/ui", "GET /rover/live", "GET /rover/openapi.json", "POST /rover/kill"}

// ServeHTTP implements http.Handler.
func (u *uiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, known := strings.CutPrefix(r.URL.Path, u.prefix)
	switch origin := r.Header.Get("Origin"); {
	case !known || !slices.Contains(uiRoutes, r.Method+" "+path):
		http.NotFound(w, r)
		return
	case !u.ours(r.Host), origin != "" && !u.ours(strings.TrimPrefix(origin, "http://")): // a name that somebody has made point here; another page
		http.Error(w, "another host or origin than this page's", http.StatusForbidden)
		return
	case r.Method == http.MethodPost && origin == "":
		http.Error(w, "without an Origin", http.StatusForbidden)
		return
	}
	uri := path
	if r.URL.RawQuery != "" {
		uri += "?" + r.URL.RawQuery
	}
	resp, err := u.ask(r.Method, uri)
	if err != nil {
		http.Error(w, err.Error(), refusedStatus(err))
		return
	}
	defer resp.Body.Close()
	for _, name := range []string{"Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "Cache-Control"} {
		if v := resp.Header.Values(name); v != nil {
			w.Header()[name] = v
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // the browser may leave
}

// refusedStatus is the status that the admin API has refused with, or 502 where it has not
// answered.
func refusedStatus(err error) int {
	var answer *adminError
	if !errors.As(err, &answer) {
		return http.StatusBadGateway
	}
	return answer.Status
}

// ours reports whether host is where the page is.
func (u *uiServer) ours(host string) bool {
	_, port, _ := net.SplitHostPort(u.host)
	return host == u.host || host == "localhost:"+port
}
