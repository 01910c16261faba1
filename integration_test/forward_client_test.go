package integration_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
)

// clientRequest is a request of a client.
type clientRequest struct {
	method, target string   // GET / if there are none
	host           string   // localhost if there is none
	head           []string // lines of headers
	body           string
	chunked        bool // the length of the body is not said
	trailer        []string
	raw            string // all of it, over HTTP/1.1 only
}

func (a clientRequest) methodOr() string {
	if a.method == "" {
		return http.MethodGet
	}
	return a.method
}

func (a clientRequest) targetOr() string {
	if a.target == "" {
		return "/"
	}
	return a.target
}

func (a clientRequest) hasBody() bool { return a.body != "" || a.chunked }

// sending is a request that is under way.
type sending interface {
	write(text string) // of the body
	finish()           // of the body
	headOf() bool      // waits for the head of the answer, and notes it
	read(n int)        // notes so many bytes of the body
	rest()             // notes the rest of the body, and how it ended
	leave()            // goes, whatever is still to come
}

// begin sends the head of a request.
func (r *run) begin(a clientRequest) sending {
	if r.proto == 1 {
		return r.beginH1(a)
	}
	return r.beginH23(a)
}

// do sends a request and notes all of the answer.
func (r *run) do(a clientRequest) {
	s := r.begin(a)
	if a.hasBody() {
		s.write(a.body)
	}
	s.finish()
	if s.headOf() {
		s.rest()
	}
}

// h1sending writes and reads bytes.
type h1sending struct {
	*run
	to     net.Conn
	a      clientRequest
	length int // of the body that is to come; -1: chunked, -2: it ends with the connection
	done   bool
}

// connect opens the connection of a run over HTTP/1.1, which all its requests share.
func (r *run) connect() {
	if r.conn != nil {
		return
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+r.port)
	if err != nil {
		r.note("no connection: %v", err)
		return
	}
	_ = conn.SetDeadline(time.Now().Add(forwardPatience))
	r.conn, r.in = conn, bufio.NewReader(conn)
}

func (r *run) beginH1(a clientRequest) sending {
	r.connect()
	s := &h1sending{run: r, to: r.conn, a: a}
	if a.raw != "" {
		head, rest, _ := strings.Cut(a.raw, "\r\n")
		_, _ = io.WriteString(r.conn, head+"\r\n"+r.marks()+rest)
		s.a.method, _, _ = strings.Cut(a.raw, " ")
		s.done = true
		return s
	}
	host := a.host
	if host == "" {
		host = "localhost"
	}
	head := a.methodOr() + " " + a.targetOr() + " HTTP/1.1\r\nHost: " + host + "\r\n" + r.marks()
	for _, line := range a.head {
		head += line + "\r\n"
	}
	switch {
	case a.chunked:
		for _, t := range a.trailer {
			name, _, _ := strings.Cut(t, ":")
			head += "Trailer: " + name + "\r\n"
		}
		head += "Transfer-Encoding: chunked\r\n"
	case a.body != "":
		head += "Content-Length: " + strconv.Itoa(len(a.body)) + "\r\n"
	}
	_, _ = io.WriteString(r.conn, head+"\r\n")
	return s
}

func (s *h1sending) write(text string) {
	if s.a.chunked {
		text = chunks(text)
		if text == chunks("") {
			return
		}
	}
	_, _ = io.WriteString(s.to, text)
}

func (s *h1sending) finish() {
	if s.a.chunked && !s.done {
		end := "0\r\n"
		for _, t := range s.a.trailer {
			end += t + "\r\n"
		}
		_, _ = io.WriteString(s.to, end+"\r\n")
	}
	s.done = true
}

// date and alternative are what differs from run to run.
var masked = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?m)^(Date|date): .*$`), "$1: now"},
	{regexp.MustCompile(`"Trailer":\["[^"]*"\]`), `"Trailer":some`}, // in the order of a map
	{regexp.MustCompile(`"Date":\["[^"]*"\]`), `"Date":now`},
	{regexp.MustCompile(`h3=\\":\d+`), `h3=:PORT`},
	{regexp.MustCompile(`h3=":\d+"`), `h3=":PORT"`},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\b00-[0-9a-f]{0,7}[1-9a-f][0-9a-f]{24,31}-`), "00-TRACE-"},
	{regexp.MustCompile(`\b00-(TRACE|[0-9a-f]{32})-[0-9a-f]{0,7}[1-9a-f][0-9a-f]{8,15}-`), "00-$1-SPAN-"},
	{regexp.MustCompile(`"traceID":"[0-9a-f]{0,7}[1-9a-f][0-9a-f]{24,31}"`), `"traceID":TRACE`},
	{regexp.MustCompile(`"spanID":"[0-9a-f]{0,7}[1-9a-f][0-9a-f]{8,15}"`), `"spanID":SPAN`},
}

func mask(text string) string {
	for _, m := range masked {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	return text
}

func (s *h1sending) headOf() bool {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			s.note("no answer%s", ending(err))
			s.broken = true
			return false
		}
		var lines []string
		s.length = -2
		for {
			field, err := s.in.ReadString('\n')
			if err != nil {
				s.note("a part of a head%s", ending(err))
				s.broken = true
				return false
			}
			if field == "\r\n" {
				break
			}
			name, value, _ := strings.Cut(strings.TrimSpace(field), ": ")
			if name == "Trailer" { // Caddy names them in the order of a map
				names := strings.Split(value, ", ")
				slices.Sort(names)
				field = name + ": " + strings.Join(names, ", ")
			}
			switch strings.ToLower(name) {
			case "transfer-encoding":
				s.length = -1
			case "content-length":
				if s.length != -1 {
					s.length, _ = strconv.Atoi(value)
				}
			}
			lines = append(lines, strings.TrimSpace(field))
		}
		slices.Sort(lines)
		s.note("%s\n%s", strings.TrimSpace(line), strings.Join(lines, "\n"))
		status := strings.Fields(line)[1]
		if status[0] != '1' || status == "101" {
			if s.a.method == http.MethodHead || status == "204" || status == "304" || status == "101" {
				s.length = 0
			}
			return true
		}
	}
}

func (s *h1sending) read(n int) {
	var data []byte
	var err error
	if s.length == -1 { // chunk by chunk
		for len(data) < n && err == nil {
			var line string
			line, err = s.in.ReadString('\n')
			size, _ := strconv.ParseUint(strings.TrimSpace(line), 16, 32)
			if err != nil || size == 0 {
				break
			}
			chunk := make([]byte, size+2)
			_, err = io.ReadFull(s.in, chunk)
			data = append(data, chunk[:size]...)
		}
	} else {
		data = make([]byte, n)
		n, err = io.ReadFull(s.in, data)
		data = data[:n]
		s.length -= n
	}
	s.note("read: %s%s", display(data), ending(err))
}

func (s *h1sending) rest() {
	var data []byte
	var err error
	var trailers string
	switch s.length {
	case -1:
		data, trailers, err = readChunked(s.in)
	case -2:
		data, err = io.ReadAll(s.in)
	default:
		data = make([]byte, s.length)
		var n int
		n, err = io.ReadFull(s.in, data)
		data = data[:n]
	}
	s.noteBody(data, err)
	if trailers != "" {
		s.note("%s", strings.TrimPrefix(trailers, "\n"))
	}
	s.broken = s.broken || err != nil
}

func (s *h1sending) leave() {
	_ = s.to.Close()
	s.conn = nil
}

// endH1 ends the connection of a run: nothing may come behind the answers.
func (r *run) endH1() {
	if r.conn == nil {
		return
	}
	defer r.conn.Close()
	if r.broken {
		return
	}
	_ = r.conn.(*net.TCPConn).CloseWrite()
	if rest, _ := io.ReadAll(r.in); len(rest) > 0 {
		r.note("behind the answer: %q", rest)
	}
}

// noteBody notes a body. Of one that was cut, how much came depends on buffers.
func (r *run) noteBody(data []byte, err error) {
	if err != nil {
		r.got = append(r.got, data...)
		r.note("body%s", ending(err))
		return
	}
	r.note("body: %s", display(data))
}

// display is a body in a note.
func display(data []byte) string {
	if len(data) <= 2000 {
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("%d bytes %x", len(data), sha256.Sum256(data))
}

// ending says how something ended that did not end well.
func ending(err error) string {
	var h2 http2.StreamError
	var h3 *http3.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return ", NEVER ended"
	case errors.As(err, &h2):
		return fmt.Sprintf(", cut: %v", h2.Code)
	case errors.As(err, &h3):
		return fmt.Sprintf(", cut: %v", h3.ErrorCode)
	case strings.HasPrefix(err.Error(), "the chunk size"), strings.HasPrefix(err.Error(), "a chunk ends"):
		return ", broken: " + err.Error()
	}
	return ", cut"
}
