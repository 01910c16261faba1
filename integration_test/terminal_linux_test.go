package integration_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new pseudo-terminal: what a person has, and what a program
// has.
func openTerminal() (person, program *os.File, err error) {
	person, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(person.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120})
	}
	if err == nil {
		program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		_ = person.Close()
	}
	return person, program, err
}

// shown is what a program has shown on a terminal.
type shown struct {
	mu   sync.Mutex
	text []byte
	more chan struct{} // has room for one, so that nobody misses what came
	end  chan struct{} // closed when nothing more can come
}

func (s *shown) read(person *os.File) {
	defer close(s.end)
	buf := make([]byte, 4096)
	for {
		n, err := person.Read(buf)
		s.mu.Lock()
		s.text = append(s.text, buf[:n]...)
		s.mu.Unlock()
		select {
		case s.more <- struct{}{}:
		default:
		}
		if err != nil {
			return // EIO: the program has closed its end
		}
	}
}

// since returns what has been shown from a place on.
func (s *shown) since(from int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.text[from:])
}

// until waits for what matches in what has come since the last one, and returns false if it does
// not come.
func (s *shown) until(want *regexp.Regexp, from *int) bool {
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		at := want.FindIndex(s.text[*from:])
		if at != nil {
			*from += at[1]
		}
		s.mu.Unlock()
		if at != nil {
			return true
		}
		select {
		case <-s.more:
		case <-deadline:
			return false
		}
	}
}

// cmdTerminal runs a program on a terminal of its own: terminal FILE program arguments …. The
// lines of FILE say what happens: until REGEXP, press KEYS (as Go quotes them), signal
// TERM|HUP|INT, admin METHOD /path. It prints all that was shown. The program must end with 0, with ! before
// terminal with anything else, and leave the terminal as it was.
func cmdTerminal(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: terminal FILE program [argument ...]")
	}
	person, program, err := openTerminal()
	ts.Check(err)
	defer program.Close()
	before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	ts.Check(err)

	cmd := exec.Command(lookPath(ts, args[1]), args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.Dir = ts.MkAbs(".")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(os.Environ(), "TERM=xterm")
	for _, name := range []string{"HOME", "PATH", "WORK", "NO_COLOR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	s := &shown{more: make(chan struct{}, 1), end: make(chan struct{})}
	go s.read(person)

	from := 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		step, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch step {
		case "until":
			if !s.until(regexp.MustCompile(what), &from) {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				ts.Fatalf("no %q in what has come since the last one:\n%q", what, s.since(from))
			}
		case "press":
			keys, err := strconv.Unquote(`"` + what + `"`)
			ts.Check(err)
			_, err = person.WriteString(keys)
			ts.Check(err)
		case "signal":
			ts.Check(cmd.Process.Signal(map[string]os.Signal{
				"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "INT": os.Interrupt,
			}[what]))
		case "admin":
			method, path, _ := strings.Cut(what, " ")
			_, err := clientOf(ts).admin(method, path, "", "")
			ts.Check(err)
		default:
			ts.Fatalf("%s: no step %q", args[0], line)
		}
	}
	err = waitFor(cmd)
	var exit *exec.ExitError
	if failed := errors.As(err, &exit); failed != neg || err != nil && !failed {
		ts.Fatalf("ended with %v:\n%q", err, s.since(0))
	}
	after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	ts.Check(err)
	if !reflect.DeepEqual(before, after) {
		ts.Fatalf("the terminal was left as %+v; it was %+v", after, before)
	}
	_ = program.Close()
	<-s.end
	_ = person.Close()
	out := bufio.NewWriter(ts.Stdout())
	_, _ = out.Write(bytes.ReplaceAll(s.text, []byte("\x1b"), []byte("^[")))
	ts.Check(out.Flush())
}

// waitFor waits for a process, but not for ever.
func waitFor(cmd *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-ended
		return errors.New("the program did not end")
	}
}

// lookPath finds a program where the script would.
func lookPath(ts *testscript.TestScript, name string) string {
	for _, folder := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return path
		}
	}
	ts.Fatalf("%s", fmt.Sprintf("there is no program %q", name))
	return ""
}
