package integration_test

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// upstreamMain is the upstream command: an HTTP server on the sockets given as
// arguments, which names itself after each; host:port is a TCP address. It writes "METHOD URI" of each request to
// its standard error.
func upstreamMain() {
	log.SetFlags(0)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	var wg sync.WaitGroup
	var servers []*http.Server
	for _, socket := range os.Args[1:] {
		network := "unix"
		if strings.Contains(socket, ":") {
			network = "tcp"
		}
		l, err := net.Listen(network, socket)
		if err != nil {
			log.Fatal(err)
		}
		s := &http.Server{Handler: upstreamHandler(strings.TrimSuffix(socket[strings.LastIndex(socket, "/")+1:], ".sock"))}
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetUnencryptedHTTP2(true)
		servers = append(servers, s)
		wg.Add(1)
		go func() { defer wg.Done(); _ = s.Serve(l) }()
	}
	<-stop
	for _, s := range servers {
		_ = s.Close()
	}
	wg.Wait()
}

func upstreamHandler(name string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Upstream", name)
		w.Header()["X-Twice"] = []string{"1", "2"}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s: %s %s host=%s\n", name, r.Method, r.URL.RequestURI(), r.Host)
		var lines []string
		for k, vs := range r.Header {
			if strings.HasPrefix(k, "X-") && !strings.HasPrefix(k, "X-Forwarded") || k == "Content-Length" || k == "Cookie" {
				lines = append(lines, fmt.Sprintf("%s: %q", k, vs))
			}
		}
		sort.Strings(lines)
		for _, l := range lines {
			fmt.Fprintln(w, l)
		}
		if len(body) > 0 {
			fmt.Fprintf(w, "body: %q\n", body)
		}
	})
	mux.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
		mib, _ := strconv.ParseInt(r.URL.Query().Get("mib"), 10, 64)
		_, _ = io.Copy(w, io.LimitReader(zeros{}, mib<<20))
	})
	mux.HandleFunc("/sink", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d %v", n, err)
	})
	mux.HandleFunc("/sse", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := 1; i <= 3; i++ {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done() // the stream stays open: events must not wait for its end
	})
	var ticking atomic.Int64
	ended := make(chan struct{})
	end := sync.OnceFunc(func() { close(ended) })
	mux.HandleFunc("/ticks", func(w http.ResponseWriter, r *http.Request) {
		ticking.Add(1)
		defer ticking.Add(-1)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			fmt.Fprintln(w, n)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-tick.C:
			case <-ended:
				fmt.Fprintln(w, "end", n)
				return
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("/ticks/end", func(http.ResponseWriter, *http.Request) { end() })
	mux.HandleFunc("/ticking", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, ticking.Load()) })
	var hanging, cancelled atomic.Int64
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		hanging.Add(1)
		<-r.Context().Done()
		hanging.Add(-1)
		cancelled.Add(1)
	})
	mux.HandleFunc("/hanging", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%d hanging, %d cancelled", hanging.Load(), cancelled.Load())
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
	})
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintln(w, "body")
		w.Header().Set("X-Sum", "42")
	})
	mux.HandleFunc("/trailers", func(w http.ResponseWriter, r *http.Request) {
		readAll(r)
		w.Header()["Trailer"] = []string{"X-Sum, Content-Digest"}
		fmt.Fprint(w, "body")
		_ = http.NewResponseController(w).Flush() // over h2c it would have a length
		w.Header().Set("X-Sum", "42")
		w.Header().Set("Content-Digest", "sha-256=:x:")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
	})
	// As gRPC does it: no body, and trailers that no head has told.
	mux.HandleFunc("/trailers/late", func(w http.ResponseWriter, r *http.Request) {
		readAll(r)
		_ = http.NewResponseController(w).Flush()
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})
	mux.HandleFunc("/trailers/request", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", body, r.Trailer.Get("X-Sent"))
	})
	// What a service believes that merges trailers into the headers.
	mux.HandleFunc("/trailers/merged", func(w http.ResponseWriter, r *http.Request) {
		announced := slices.Sorted(maps.Keys(r.Trailer))
		readAll(r)
		fmt.Fprintf(w, "announced %q\n", announced)
		for _, name := range slices.Sorted(maps.Keys(r.Trailer)) {
			if values := r.Trailer[name]; len(values) > 0 {
				fmt.Fprintf(w, "%s: %q\n", name, values)
			}
		}
	})
	mux.HandleFunc("/ws", echoWebSocket)
	mux.HandleFunc("/tunnel", func(w http.ResponseWriter, r *http.Request) {
		switchProtocol(w, r, "X-Up: yes\r\n", func(rw io.ReadWriter) { _, _ = io.Copy(rw, rw) })
	})
	mux.HandleFunc("/tunnel/greets", func(w http.ResponseWriter, r *http.Request) {
		switchProtocol(w, r, "X-Up: yes\r\n", func(rw io.ReadWriter) { _, _ = io.WriteString(rw, "hello and goodbye") })
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Printf("%s %s %s", name, r.Method, r.URL.RequestURI())
		mux.ServeHTTP(w, r)
	})
}

// readAll reads the body of a request to its end, as a server has to that speaks h2c and answers
// what came over HTTP/3, where a GET may have one as well. Else it resets the stream, whose body
// is then closed while it is read, and in Caddy v2.11.9 that is a data race (reverseproxy:
// bodyNopCloserIfNotRead).
func readAll(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

// switchProtocol answers 101, whether that was asked for or not, with more header lines,
// and gives use the connection.
func switchProtocol(w http.ResponseWriter, r *http.Request, more string, use func(io.ReadWriter)) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		log.Print(err)
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n%sSec-WebSocket-Accept: %s\r\n\r\n", more, base64.StdEncoding.EncodeToString(sum[:]))
	use(struct {
		io.Reader
		io.Writer
	}{rw, conn})
}

// echoWebSocket sends short text messages back.
func echoWebSocket(w http.ResponseWriter, r *http.Request) {
	switchProtocol(w, r, "", echoMessages)
}

func echoMessages(rw io.ReadWriter) {
	head := make([]byte, 6)
	for {
		if _, err := io.ReadFull(rw, head); err != nil {
			return // the client has left
		}
		text := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(rw, text); err != nil {
			log.Print(err)
			return
		}
		for i := range text {
			text[i] ^= head[2+i%4]
		}
		_, _ = rw.Write(append([]byte{0x81, byte(len(text))}, text...))
	}
}
