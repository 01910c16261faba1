package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// pin moves this process to all cores it may use but the first, and returns the words
// that start a command on the first. So the server has a core of its own, and its rate
// is not what the load leaves of it.
func pin(ctx context.Context) (prefix []string, err error) {
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return nil, err
	}
	cores, err := allowedCores()
	if err != nil {
		return nil, err
	}
	if len(cores) < 2 {
		return nil, errors.New("there is one core only")
	}
	mine := strings.Join(cores[1:], ",")
	if out, err := exec.CommandContext(ctx, taskset, "-a", "-cp", mine, strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("moving the load to cores %s: %w: %s", mine, err, out)
	}
	runtime.GOMAXPROCS(len(cores) - 1) // Go has counted the cores before
	return []string{taskset, "-c", cores[0]}, nil
}

// allowedCores returns the numbers of the cores that this process may use, which need
// not start at 0 in a container.
func allowedCores() (cores []string, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	m := regexp.MustCompile(`Cpus_allowed_list:\s*(\S+)`).FindSubmatch(status)
	if m == nil {
		return nil, errors.New("no Cpus_allowed_list in the process status")
	}
	for part := range strings.SplitSeq(string(m[1]), ",") { // "0-3,8"
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		for core := from; core <= to; core++ {
			cores = append(cores, strconv.Itoa(core))
		}
	}
	return cores, nil
}

// cpuTime is what the server's process has used of all cores, 0 where the system does not tell.
func (c *caddy) cpuTime() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The name of the program, in parentheses, may hold spaces. Behind it utime and stime are the
	// 12th and the 13th field, in hundredths of a second whatever the kernel's own clock is.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / 100
}
