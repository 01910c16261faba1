package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
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
