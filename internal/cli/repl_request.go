package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddy-rover/rover/internal/handler"
	"github.com/caddy-rover/rover/luart/scripttest"
)

// requestHelp is the help of requests in the REPL.
const requestHelp = `  :get /path          a request; also :post :put :patch :delete :head :options. Behind the path stands
                      the body as it is, or options as curl has them: -H "Name: value", -b "name=value",
                      -d data (a form, if no header says otherwise), --data-raw data, --json data;
                      -d @file reads a file. Then comes what became of it: hooks, handler, upstreams
  :cookies on|off     keep the cookies of responses, and send them; forget them. :cookies shows them`

// traced is a script whose last request has a trace.
type traced struct {
	*handler.Test
	trace *handler.Trace
}

// Serve implements scripttest.App.
func (t *traced) Serve(w http.ResponseWriter, r *http.Request) (err error) {
	t.trace, err = t.ServeTraced(w, r)
	return err
}

// request sends a request to the script, and prints the response and what became of it.
func (e *scriptEvaluator) request(ctx context.Context, out io.Writer, method, rest string) error {
	path, rest, _ := strings.Cut(rest, " ")
	if path == "" {
		path = "/"
	}
	o := &requestOptions{header: http.Header{}}
	if err := o.parse(strings.TrimSpace(rest)); err != nil {
		return err
	}
	site := &url.URL{Scheme: "https", Host: "example.com", Path: "/"} // https: as if the cookies came by it, secure ones are kept
	if host := o.header.Get("Host"); host != "" {
		site.Host = host
	}
	if before, _, _ := strings.Cut(path, "?"); strings.HasPrefix(before, "/") {
		site.Path = before
	}
	if e.cookies != nil {
		for _, c := range e.cookies.Cookies(site) {
			o.cookies = append(o.cookies, c.Name+"="+c.Value)
		}
	}
	app := &traced{Test: e.app}
	resp, err := scripttest.Ask(ctx, app, o.request(strings.ToUpper(method), path))
	if resp.Status == 0 {
		return err
	}
	if e.cookies != nil {
		e.cookies.SetCookies(site, (&http.Response{Header: resp.Header}).Cookies())
	}
	out = shownOn(out)
	fmt.Fprintf(out, "%d %s\n", resp.Status, http.StatusText(resp.Status))
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		for _, value := range resp.Header[name] {
			fmt.Fprintf(out, "%s: %s\n", name, value)
		}
	}
	if err != nil {
		fmt.Fprintf(out, "error: %s\n", err)
	}
	if resp.Body != "" {
		fmt.Fprintln(out, "\n"+strings.TrimSuffix(resp.Body, "\n"))
	}
	if app.trace != nil {
		fmt.Fprintln(out)
		app.trace.VM = filepath.Base(e.path) // it has a number of its own
		return printTrace(out, app.trace)
	}
	return nil
}

// keepCookies is :cookies [on|off].
func (e *scriptEvaluator) keepCookies(out io.Writer, rest string) (err error) {
	switch {
	case rest == "on" && e.cookies == nil:
		e.cookies, err = cookiejar.New(nil)
	case rest == "on":
	case rest == "off":
		e.cookies = nil
	case rest != "":
		err = fmt.Errorf(":cookies on, :cookies off, or :cookies expected, got %q", rest)
	case e.cookies == nil:
		fmt.Fprintln(out, "cookies are not kept: :cookies on")
	default:
		for _, c := range e.cookies.Cookies(&url.URL{Scheme: "https", Host: "example.com", Path: "/"}) {
			fmt.Fprintf(out, "%s=%s\n", c.Name, c.Value)
		}
	}
	return err
}

// requestOptions are what stands behind the path of a request.
type requestOptions struct {
	header  http.Header
	cookies []string
	body    string
	data    []string // of -d
	json    bool
}

// requestFlags are the options, by the names that curl has for them.
var requestFlags = map[string]func(*requestOptions, string) error{
	"-H": (*requestOptions).addHeader, "--header": (*requestOptions).addHeader,
	"-b": (*requestOptions).addCookie, "--cookie": (*requestOptions).addCookie,
	"-d": (*requestOptions).addData, "--data": (*requestOptions).addData,
	"--data-raw": (*requestOptions).addRaw,
	"--json":     (*requestOptions).addJSON,
}

// parse takes what stands behind a path: options, if it begins with one, else the body.
func (o *requestOptions) parse(rest string) error {
	first, _, _ := strings.Cut(rest, " ")
	if requestFlags[first] == nil {
		o.body = rest
		return nil
	}
	words, err := splitWords(rest)
	if err != nil {
		return err
	}
	for len(words) > 0 {
		set := requestFlags[words[0]]
		switch {
		case set == nil:
			return fmt.Errorf("%q is no option of a request: %s", words[0], strings.Join(slices.Sorted(maps.Keys(requestFlags)), ", "))
		case len(words) == 1:
			return fmt.Errorf("%s: a value expected", words[0])
		}
		if err := set(o, words[1]); err != nil {
			return fmt.Errorf("%s: %w", words[0], err)
		}
		words = words[2:]
	}
	return nil
}

func (o *requestOptions) addHeader(v string) error {
	name, value, ok := strings.Cut(v, ":")
	if !ok || name == "" {
		return fmt.Errorf("%q has no colon", v)
	}
	o.header.Add(name, strings.TrimSpace(value))
	return nil
}

func (o *requestOptions) addCookie(v string) error {
	if !strings.Contains(v, "=") {
		return fmt.Errorf("%q: name=value expected", v)
	}
	o.cookies = append(o.cookies, v)
	return nil
}

func (o *requestOptions) addData(v string) error {
	if name, ok := strings.CutPrefix(v, "@"); ok {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		v = strings.NewReplacer("\r", "", "\n", "").Replace(string(text)) // as curl does
	}
	return o.addRaw(v)
}

func (o *requestOptions) addRaw(v string) error {
	if o.json {
		return errors.New("there is a body by --json already")
	}
	o.data = append(o.data, v)
	return nil
}

func (o *requestOptions) addJSON(v string) error {
	if len(o.data) > 0 || o.json {
		return errors.New("there is a body already")
	}
	o.json, o.body = true, v
	return nil
}

// request returns the request as scripttest.Ask takes it.
func (o *requestOptions) request(method, path string) map[string]any {
	preset := func(name, value string) {
		if o.header.Get(name) == "" {
			o.header.Set(name, value)
		}
	}
	if o.json {
		preset("Content-Type", "application/json")
		preset("Accept", "application/json")
	}
	if len(o.data) > 0 {
		preset("Content-Type", "application/x-www-form-urlencoded")
		o.body = strings.Join(o.data, "&")
	}
	if len(o.cookies) > 0 {
		o.header.Add("Cookie", strings.Join(o.cookies, "; "))
	}
	headers := map[string]any{}
	for name, values := range o.header {
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = v
		}
		headers[name] = list
	}
	return map[string]any{"method": method, "path": path, "body": o.body, "headers": headers}
}

// splitWords splits a line as a shell does: 'as it is', "with \" and \\", and \ before a character.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	inWord, quote := false, rune(0)
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case r == '\\' && quote != '\'' && i+1 < len(runes) && (quote == 0 || strings.ContainsRune("\"\\$`", runes[i+1])):
			i++
			word.WriteRune(runes[i])
			inWord = true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
