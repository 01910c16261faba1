package integration_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// readers are clients that read streams of the lines 1, 2, 3 and so on, which end with
// "end N" where N is the last number.
type readers struct {
	wg      sync.WaitGroup
	reading []*reader
}

type reader struct {
	leave context.CancelFunc
	begun chan error // the first line is there, or why not
	left  bool
	err   error // after wg
}

// cmdReaders starts readers and waits until each has a line: readers N [-h2 | -h3] /path.
// "readers -leave" makes every second one go, "readers -finish" waits for the others and
// prints how many got all.
func cmdReaders(ts *testscript.TestScript, _ bool, args []string) {
	c := clientOf(ts)
	switch args[0] {
	case "-leave":
		for i, r := range c.readers.reading {
			if i%2 == 0 {
				r.left = true
				r.leave()
			}
		}
		return
	case "-finish":
		c.readers.wg.Wait()
		whole := 0
		for _, r := range c.readers.reading {
			switch {
			case r.left && !errors.Is(r.err, context.Canceled):
				ts.Fatalf("one that has left: %v", r.err)
			case !r.left && r.err != nil:
				ts.Fatalf("one that stayed: %v", r.err)
			case !r.left:
				whole++
			}
			r.leave()
		}
		c.readers.reading = nil
		fmt.Fprintln(ts.Stdout(), whole, "whole")
		return
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[1:]
	args = append(append([]string{}, args[:len(args)-1]...), "GET", args[len(args)-1])
	req, err := c.parseRequest(args)
	ts.Check(err)
	started := c.readers.start(c, n, req)
	for _, r := range started {
		ts.Check(<-r.begun)
	}
}

func (rs *readers) start(c *client, n int, req *request) []*reader {
	var started []*reader
	for range n {
		ctx, cancel := context.WithTimeout(context.Background(), 5*patience) // a stream is as long as its test
		r := &reader{leave: cancel, begun: make(chan error, 1)}
		started = append(started, r)
		rs.wg.Add(1)
		go func() {
			defer rs.wg.Done()
			r.err = r.read(ctx, c, req)
			select {
			case r.begun <- r.err:
			default:
			}
		}()
	}
	rs.reading = append(rs.reading, started...)
	return started
}

// read reads the whole stream. The error says what is missing.
func (r *reader) read(ctx context.Context, c *client, req *request) error {
	resp, err := c.do(ctx, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil:
			return fmt.Errorf("after %d lines: %w", n-1, err)
		case line == fmt.Sprintf("end %d\n", n-1):
			if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
				return fmt.Errorf("behind the end: %q, %w", rest, err)
			}
			return nil
		case line != fmt.Sprintf("%d\n", n):
			return fmt.Errorf("line %d is %q", n, line)
		case n == 1:
			r.begun <- nil
		}
	}
}
