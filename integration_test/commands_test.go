package integration_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rogpeppe/go-internal/testscript"
)

func clientOf(ts *testscript.TestScript) *client { return ts.Value("client").(*client) }

// cmdHTTP sends a request, twice unless -once: state left in the VM shows. -i prints
// the headers too.
func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	once, headers := false, false
	for len(args) > 0 && (args[0] == "-once" || args[0] == "-i") {
		once, headers = once || args[0] == "-once", headers || args[0] == "-i"
		args = args[1:]
	}
	c := clientOf(ts)
	r, err := c.parseRequest(args)
	ts.Check(err)
	out, err := c.get(r, headers)
	if err == nil && !once {
		var again string
		again, err = c.get(r, headers)
		if again != out {
			ts.Fatalf("the second answer differs:\n%s---\n%s", out, again)
		}
	}
	if neg {
		if err == nil {
			ts.Fatalf("answered %s", out)
		}
		return
	}
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), out)
}

// cmdListening waits until a socket in the script's folder, or host:port, takes connections.
func cmdListening(ts *testscript.TestScript, _ bool, args []string) {
	address := args[0]
	if !strings.Contains(address, ":") {
		address = filepath.Join(clientOf(ts).dir, address)
	}
	conn, err := dial(context.Background(), address)
	ts.Check(err)
	_ = conn.Close()
}

// admin asks Caddy's admin API.
func (c *client) admin(method, path, ctype, body string) (string, error) {
	return c.askAdmin(method, path, http.Header{
		"Content-Type":  {ctype},
		"Cache-Control": {"must-revalidate"}, // load it, changed or not
	}, body)
}

// askAdmin is admin with other headers.
func (c *client) askAdmin(method, path string, header http.Header, body string) (string, error) {
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial(ctx, filepath.Join(c.dir, "admin.sock"))
	}}
	defer t.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header = header
	resp, err := t.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, out)
	}
	return string(out), err
}

// cmdMetric waits until a metric has a value: metric 'name{labels}' value.
func cmdMetric(ts *testscript.TestScript, _ bool, args []string) {
	var line string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		out, err := clientOf(ts).admin("GET", "/metrics", "", "")
		ts.Check(err)
		for l := range strings.Lines(out) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(l), args[0]+" "); ok {
				if line = value; value == args[1] {
					return
				}
			}
		}
	}
	ts.Fatalf("%s never was %s; last: %q", args[0], args[1], line)
}

// cmdAdmin asks the admin API and prints what it answers: admin METHOD /path [=body]. With !
// it must refuse.
func cmdAdmin(ts *testscript.TestScript, neg bool, args []string) {
	body := ""
	if len(args) > 2 {
		body = strings.TrimPrefix(args[2], "=")
	}
	out, err := clientOf(ts).admin(args[0], args[1], "", body)
	if neg {
		if err == nil {
			ts.Fatalf("answered %s", out)
		}
		out = err.Error() + "\n"
	} else {
		ts.Check(err)
	}
	fmt.Fprint(ts.Stdout(), out)
}

// cmdReloads loads the Caddyfile and all scripts, or with -script only the scripts, or with -other
// a Caddyfile with a change that is not the scripts', again and again while clients send a GET that
// adds one to what GET /total answers: reloads [-script | -other] COUNT CLIENTS /path. Every answer
// must be 200, and the total the number of answers.
func cmdReloads(ts *testscript.TestScript, _ bool, args []string) {
	scripts, others := args[0] == "-script", args[0] == "-other"
	if scripts || others {
		args = args[1:]
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	clients, err := strconv.Atoi(args[1])
	ts.Check(err)
	c := clientOf(ts)
	config, err := os.ReadFile(filepath.Join(c.dir, "Caddyfile"))
	ts.Check(err)
	globals, err := os.ReadFile(filepath.Join(c.dir, "globals"))
	ts.Check(err)
	caddyfile := strings.Replace(string(config), "import globals", string(globals), 1)
	caddyfile = strings.ReplaceAll(caddyfile, "rover app.lua", "rover * "+filepath.Join(c.dir, "app.lua"))
	// Paths in a config that comes by HTTP start at Caddy's working directory, which
	// is the script's folder too; the absolute path keeps the VM's name the same.
	// Over TCP, and once more when the connection fails: at a reload Caddy closes its
	// old listener, with the connections that nobody has accepted yet (it does so
	// without this plugin too). A request that had been served nevertheless would show
	// in the total.
	url := "http://127.0.0.1:" + ts.Getenv("PORT")
	get := func(path string) (string, error) {
		deadline := time.Now().Add(patience)
		for {
			resp, err := c.tcp.Get(url + path)
			if err != nil && time.Now().Before(deadline) {
				continue
			}
			if err != nil {
				return "", err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			return fmt.Sprintf("%d\n%s\n", resp.StatusCode, body), err
		}
	}
	stop := make(chan struct{})
	var answers atomic.Int64
	traffic := make(chan error, 1)
	go func() {
		traffic <- together(clients, func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				out, err := get(args[2])
				if err != nil || !strings.HasPrefix(out, "200\n") {
					return fmt.Errorf("a request failed during reloads: %s%v", out, err)
				}
				answers.Add(1)
			}
		})
	}()
	for n := range count {
		switch {
		case scripts:
			_, err = c.admin("POST", "/rover/reload", "", "")
		case others:
			changed := strings.ReplaceAll(caddyfile, "rover * ", fmt.Sprintf("vars config %d\nrover * ", n))
			_, err = c.askAdmin("POST", "/load", http.Header{"Content-Type": {"text/caddyfile"}}, changed)
		default:
			_, err = c.admin("POST", "/load", "text/caddyfile", caddyfile)
		}
		if err != nil {
			break
		}
	}
	close(stop)
	failed := <-traffic
	ts.Check(err)
	ts.Check(failed)
	total, err := get("/total")
	ts.Check(err)
	if want := fmt.Sprintf("200\n%d\n", answers.Load()); total != want {
		ts.Fatalf("%d answers, but the total is %q", answers.Load(), total)
	}
}

// cmdLoad sends a request -n times from -c clients at once and prints how often each
// status, or error, came back.
func cmdLoad(ts *testscript.TestScript, neg bool, args []string) {
	n, clients := 100, 10
	for len(args) > 1 && (args[0] == "-n" || args[0] == "-c") {
		v, err := strconv.Atoi(args[1])
		ts.Check(err)
		if args[0] == "-n" {
			n = v
		} else {
			clients = v
		}
		args = args[2:]
	}
	c := clientOf(ts)
	r, err := c.parseRequest(args)
	ts.Check(err)
	var mu sync.Mutex
	results := map[string]int{}
	jobs := make(chan struct{}, n)
	for range n {
		jobs <- struct{}{}
	}
	close(jobs)
	var wg sync.WaitGroup
	for range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range jobs {
				out, err := c.get(r, false)
				status, _, _ := strings.Cut(out, "\n")
				if err != nil {
					status = err.Error()
				}
				mu.Lock()
				results[status]++
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	var lines []string
	for status, count := range results {
		lines = append(lines, fmt.Sprintf("%s %d", status, count))
	}
	sort.Strings(lines)
	fmt.Fprintln(ts.Stdout(), strings.Join(lines, "\n"))
}

// cmdHang starts requests that are not waited for: hang N METHOD /path …. Their
// clients leave with "hang -leave", or at the end of the script; those of "hang -unread"
// read the head of the answer, and no body.
func cmdHang(ts *testscript.TestScript, _ bool, args []string) {
	c := clientOf(ts)
	if len(args) == 1 && args[0] == "-leave" {
		for _, cancel := range c.hung {
			cancel()
		}
		c.hung = nil
		c.wg.Wait()
		return
	}
	unread := len(args) > 0 && args[0] == "-unread"
	if unread {
		args = args[1:]
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	r, err := c.parseRequest(args[1:])
	ts.Check(err)
	for range n {
		ctx, cancel := context.WithCancel(context.Background())
		c.hung = append(c.hung, cancel)
		c.wg.Add(1)
		go func() {
			defer c.wg.Done()
			if resp, err := c.do(ctx, r); err == nil {
				if unread {
					<-ctx.Done()
				} else {
					_, _ = io.Copy(io.Discard, resp.Body)
				}
				_ = resp.Body.Close()
			}
		}()
	}
}

// cmdUntil sends a request until its answer matches a pattern.
func cmdUntil(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	c := clientOf(ts)
	r, err := c.parseRequest(args[1:])
	ts.Check(err)
	var out string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		out, err = c.get(r, false)
		if err == nil && re.MatchString(out) {
			return
		}
	}
	ts.Fatalf("never matched; last answer: %s %v%s", out, err, loggedErrors(ts))
}

// loggedErrors returns what caddy's log says that went wrong, such as why it has not started.
func loggedErrors(ts *testscript.TestScript) (lines string) {
	text, _ := os.ReadFile(ts.MkAbs("caddy.log"))
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(`"level":"error"`)) && len(lines) < 10_000 {
			lines += "\n" + string(line)
		}
	}
	return lines
}

// cmdSend uploads or downloads MiB of data that is never held in memory: send up|down
// [-h2 | -h3] METHOD /path MiB. It checks and prints the number of bytes that came through.
func cmdSend(ts *testscript.TestScript, _ bool, args []string) {
	c := clientOf(ts)
	dir, mib := args[0], args[len(args)-1]
	size, err := strconv.ParseInt(mib, 10, 64)
	ts.Check(err)
	size <<= 20
	r, err := c.parseRequest(args[1 : len(args)-1])
	ts.Check(err)
	if dir == "up" {
		r.body = func() io.Reader { return io.LimitReader(zeros{}, size) }
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := c.do(ctx, r)
	ts.Check(err)
	defer resp.Body.Close()
	if dir == "up" {
		answer, err := io.ReadAll(resp.Body)
		ts.Check(err)
		fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, answer)
		return
	}
	n, err := io.Copy(io.Discard, resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%d\n", resp.StatusCode, n)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// cmdSSE reads lines of a stream, checks that each arrives while the stream is open, and
// leaves: sse [-reload] N [-h2 | -h3] /path [Name:value …]. A body in gzip is decoded. With
// -reload the script is reloaded after each line.
func cmdSSE(ts *testscript.TestScript, _ bool, args []string) {
	reload := args[0] == "-reload"
	if reload {
		args = args[1:]
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[1:]
	if args[0] == "-h2" || args[0] == "-h3" {
		args = append([]string{args[0], "GET"}, args[1:]...)
	} else {
		args = append([]string{"GET"}, args...)
	}
	c := clientOf(ts)
	r, err := c.parseRequest(args)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := c.do(ctx, r)
	ts.Check(err)
	defer resp.Body.Close()
	fmt.Fprintln(ts.Stdout(), resp.StatusCode, resp.Header.Get("Content-Type"))
	body := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		fmt.Fprintln(ts.Stdout(), "gzip")
		body, err = gzip.NewReader(resp.Body)
		ts.Check(err)
	}
	s := bufio.NewScanner(body)
	for n > 0 && s.Scan() {
		if s.Text() != "" {
			fmt.Fprintln(ts.Stdout(), s.Text())
			n--
			if reload {
				_, err := c.admin("POST", "/rover/reload", "", "")
				ts.Check(err)
			}
		}
	}
	ts.Check(s.Err())
}

// begun is a request of which no more than the first line is sent.
type begun struct {
	conn net.Conn
	rest string
}

// cmdRaw sends a file with CR LF at its line ends and prints what comes back until the
// server closes the connection: raw FILE. Date and Server are left out. raw -answer FILE prints what
// comes until a final response is there. raw -begin FILE sends the first line, and raw -finish the rest.
func cmdRaw(ts *testscript.TestScript, _ bool, args []string) {
	c := clientOf(ts)
	if args[0] == "-finish" {
		finishRaw(ts, *c.begun, io.ReadAll)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := dial(ctx, filepath.Join(c.dir, "http.sock"))
	ts.Check(err)
	deadline, _ := ctx.Deadline()
	ts.Check(conn.SetDeadline(deadline))
	text := strings.ReplaceAll(ts.ReadFile(args[len(args)-1]), "\n", "\r\n")
	switch args[0] {
	case "-begin":
	case "-answer":
		finishRaw(ts, begun{conn, text}, readAnswer)
		return
	default:
		finishRaw(ts, begun{conn, text}, io.ReadAll)
		return
	}
	first, rest, _ := strings.Cut(text, "\r\n")
	_, err = io.WriteString(conn, first+"\r\n")
	ts.Check(err)
	c.begun = &begun{conn, rest}
}

func finishRaw(ts *testscript.TestScript, b begun, read func(io.Reader) ([]byte, error)) {
	defer b.conn.Close()
	_, err := io.WriteString(b.conn, b.rest)
	ts.Check(err)
	out, err := read(b.conn)
	ts.Check(err)
	for line := range strings.Lines(strings.ReplaceAll(string(out), "\r\n", "\n")) {
		if !strings.HasPrefix(line, "Date: ") && !strings.HasPrefix(line, "Server: ") {
			fmt.Fprint(ts.Stdout(), line)
		}
	}
}

// readAnswer reads until a response has come that is not of 1xx.
func readAnswer(conn io.Reader) ([]byte, error) {
	var got bytes.Buffer
	in := bufio.NewReader(io.TeeReader(conn, &got))
	for {
		resp, err := http.ReadResponse(in, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
		}
		if err != nil || resp.StatusCode >= 200 {
			return got.Bytes(), err
		}
	}
}

// cmdWebSocket upgrades, sends text to an echo, and prints what comes back: ws [-reload]
// /path text. With -reload it does so again after three reloads of the script.
func cmdWebSocket(ts *testscript.TestScript, _ bool, args []string) {
	reload := args[0] == "-reload"
	if reload {
		args = args[1:]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := dial(ctx, filepath.Join(clientOf(ts).dir, "http.sock"))
	ts.Check(err)
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	ts.Check(conn.SetDeadline(deadline))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", args[0])
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), resp.StatusCode, resp.Header.Get("Sec-Websocket-Accept"))
	for name := range resp.Header {
		if strings.HasPrefix(name, "X-") {
			fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, resp.Header.Get(name))
		}
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return
	}
	echo := func() {
		frame := []byte{0x81, 0x80 | byte(len(args[1])), 0, 0, 0, 0} // text, masked with zeros
		_, err = conn.Write(append(frame, args[1]...))
		ts.Check(err)
		head := make([]byte, 2)
		_, err = io.ReadFull(br, head)
		ts.Check(err)
		text := make([]byte, head[1])
		_, err = io.ReadFull(br, text)
		ts.Check(err)
		fmt.Fprintf(ts.Stdout(), "%s\n", text)
	}
	echo()
	if reload {
		for range 3 {
			_, err := clientOf(ts).admin("POST", "/rover/reload", "", "")
			ts.Check(err)
		}
		echo()
	}
}

// cmdRSS remembers the peak memory of the caddy process (rss mark), or checks that it
// has grown by less than MiB since (rss below MiB).
func cmdRSS(ts *testscript.TestScript, _ bool, args []string) {
	var pid int
	for _, cmd := range ts.BackgroundCmds() {
		if filepath.Base(cmd.Path) == "caddy" {
			pid = cmd.Process.Pid
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	ts.Check(err)
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		ts.Fatalf("no VmHWM for process %d", pid)
	}
	now, _ := strconv.Atoi(string(m[1]))
	mark := filepath.Join(clientOf(ts).dir, ".rss")
	if args[0] == "mark" {
		ts.Check(os.WriteFile(mark, []byte(strconv.Itoa(now)), 0o600))
		return
	}
	limit, err := strconv.Atoi(args[1])
	ts.Check(err)
	data, err := os.ReadFile(mark)
	ts.Check(err)
	before, _ := strconv.Atoi(string(data))
	if grown := (now - before) >> 10; grown >= limit {
		ts.Fatalf("the process has grown by %d MiB", grown)
	}
}

// cmdLogged waits until caddy.log has a line: logged REGEXP.
func cmdLogged(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	if !waitForLog(ts, re.Match) {
		ts.Fatalf("the log has no line that matches %s", re)
	}
}

// waitForLog waits until caddy.log, up to its last whole line, is enough. It returns false when
// that takes too long.
func waitForLog(ts *testscript.TestScript, enough func(log []byte) bool) bool {
	dir := clientOf(ts).dir
	changes, err := fsnotify.NewWatcher()
	ts.Check(err)
	defer changes.Close()
	ts.Check(changes.Add(dir))
	late := time.After(patience)
	for {
		data, err := os.ReadFile(filepath.Join(dir, "caddy.log"))
		if err == nil && enough(data[:bytes.LastIndexByte(data, '\n')+1]) {
			return true
		}
		select {
		case <-changes.Events:
		case err := <-changes.Errors:
			ts.Check(err)
		case <-late:
			return false
		}
	}
}

// cmdLog checks Caddy's log: log COUNT LEVEL [regexp on the line]. COUNT none is 0. It waits for as
// many lines as it wants: what they tell of may be seen by a client before they are written.
// Errors that reverse_proxy or the server log about a request count as any other.
func cmdLog(ts *testscript.TestScript, _ bool, args []string) {
	some := args[0] == "some" // at least one
	want, err := strconv.Atoi(strings.NewReplacer("none", "0", "some", "1").Replace(args[0]))
	ts.Check(err)
	re := regexp.MustCompile("")
	if len(args) > 2 {
		re, err = regexp.Compile(args[2])
		ts.Check(err)
	}
	var found []string
	waitForLog(ts, func(log []byte) bool {
		found = nil
		for line := range bytes.Lines(log) {
			var entry struct{ Level string }
			if err := json.Unmarshal(line, &entry); err != nil {
				ts.Fatalf("a log line is not JSON: %s", line)
			}
			if entry.Level == args[1] && re.Match(line) {
				found = append(found, string(line))
			}
		}
		return len(found) >= want
	})
	if len(found) != want && !(some && len(found) > want) {
		ts.Fatalf("%d log lines, want %d:\n%s", len(found), want, strings.Join(found, ""))
	}
}
