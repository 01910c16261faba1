package cli

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/internal/handler"
)

// explainKeyEnv is where the command finds the key: arguments can be seen by others.
const explainKeyEnv = "ROVER_EXPLAIN_KEY"

// explainFor is how long what the command signs is valid.
const explainFor = 5 * time.Minute

func explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain <url> [--method <method>] [--header <name: value>]... [--sign] [--json] [--insecure]",
		Short: "Sends a request and prints what happened to it",
		Long: `Sends a request that asks for its story, and prints it: which route it was, which hooks ran
and what they returned, which upstreams were tried, and how long it all took.

The directive must have the option explain, and the key must be in the environment variable
` + explainKeyEnv + `. With --sign the header is printed that curl or a browser needs to ask;
it is good for this method, host and URI, for ` + explainFor.String() + `.`,
		Args: cobra.ExactArgs(1),
		RunE: runs(runExplain),
	}
	flags := cmd.Flags()
	flags.StringP("method", "X", http.MethodGet, "Method of the request")
	flags.StringArrayP("header", "H", nil, "A header of the request")
	flags.Bool("sign", false, "Print the header that asks, and send nothing")
	flags.Bool("json", false, "Print the story as it comes")
	flags.Bool("insecure", false, "Accept any certificate")
	return cmd
}

func runExplain(cmd *cobra.Command, fl caddycmd.Flags) (int, error) {
	key := os.Getenv(explainKeyEnv)
	if key == "" {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("%s is not set: it must be the key of the option explain", explainKeyEnv)
	}
	if len(key) < handler.MinExplainKey {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("%s has %d bytes: the option explain takes no key of less than %d", explainKeyEnv, len(key), handler.MinExplainKey)
	}
	r, err := explainRequest(key, fl)
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	out := cmd.OutOrStdout()
	if fl.Bool("sign") {
		fmt.Fprintf(out, "%s: %s\n", handler.TraceHeader, r.Header.Get(handler.TraceHeader))
		return caddy.ExitCodeSuccess, nil
	}
	client := &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: fl.Bool("insecure")}, //nolint:gosec // whoever gives the flag wants it
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	defer resp.Body.Close()
	stories := resp.Header.Values(handler.TraceHeader)
	if len(stories) == 0 {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("%s %s: %s, without a story: the directive needs the option explain with this key,"+
			" and the request must come to it with the method, host and URI it was sent with", r.Method, r.URL, resp.Status)
	}
	if fl.Bool("json") {
		fmt.Fprintln(shownOn(out), strings.Join(stories, "\n"))
		return caddy.ExitCodeSuccess, nil
	}
	fmt.Fprintf(out, "%s %s: %s\n", r.Method, r.URL, oneLine(resp.Status))
	for _, story := range stories {
		var t handler.Trace
		if err := json.Unmarshal([]byte(story), &t); err != nil {
			return caddy.ExitCodeFailedStartup, fmt.Errorf("reading the story: %w", err)
		}
		if err := printTrace(out, &t); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
	}
	return caddy.ExitCodeSuccess, nil
}

// explainRequest makes the request that asks.
func explainRequest(key string, fl caddycmd.Flags) (*http.Request, error) {
	headers, err := fl.GetStringArray("header")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(fl.Arg(0))
	if err != nil || u.Host == "" {
		return nil, errors.New("a URL with scheme and host is needed, such as http://localhost:8080/users/7")
	}
	r, err := http.NewRequest(strings.ToUpper(fl.String("method")), u.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, fmt.Errorf("header %q has no colon", h)
		}
		if strings.EqualFold(name, "host") {
			r.Host = strings.TrimSpace(value)
			continue
		}
		r.Header.Add(name, strings.TrimSpace(value))
	}
	r.Header.Set(handler.TraceHeader, handler.SignTrace(key, r.Method, r.Host, r.URL.RequestURI(), time.Now().Add(explainFor)))
	return r, nil
}

// printTrace prints a trace for people.
func printTrace(out io.Writer, t *handler.Trace) error {
	route := t.Route
	if route == "" {
		route = "no route"
	}
	fmt.Fprintf(out, "%s, version %d: %s, %s\n", oneLine(t.VM), t.Version, oneLine(route), oneLine(t.Outcome))
	fmt.Fprintf(out, "Lua %.3f ms, waiting %.3f ms, queued %.3f ms, until the response began %.3f ms\n", t.LuaMS, t.WaitMS, t.QueueMS, t.TotalMS)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range t.Steps {
		took := ""
		if s.TookMS > 0 {
			took = fmt.Sprintf("took %.3f ms", s.TookMS)
		}
		fmt.Fprintf(w, "  at %.3f ms\t%s\t%s\t%s\n", s.AtMS, took, oneLine(s.What), oneLine(s.Result))
	}
	if t.Truncated {
		fmt.Fprintln(w, "  …\t\tand more, which did not fit; the log has it all")
	}
	return w.Flush()
}
