package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// process is a server of one process.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has been waited for
}

func startProcess(name string, cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{name, cmd, make(chan struct{})}
	go func() { defer close(p.exited); _ = cmd.Wait() }()
	return p, nil
}

// listensAll waits until the server listens on all ports. If it does not, it is stopped.
func (p *process) listensAll(ctx context.Context, ports []string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, port := range ports {
		if err := p.listens(ctx, port); err != nil {
			p.stop()
			return err
		}
	}
	return nil
}

// listens waits until the server listens on port.
func (p *process) listens(ctx context.Context, port string) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-p.exited:
			return fmt.Errorf("%s has ended: %v", p.name, p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w", p.name, err)
		}
	}
}

// stop ends the server and waits until it is gone.
func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// cpuTime is what the server's process has used of all cores, 0 where the system does not tell.
func (p *process) cpuTime() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
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

// resident returns a field of the process's memory status, in MiB: VmRSS, VmHWM (peak).
func (p *process) resident(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	kib, err := number(status, field+`:\s+(\d+) kB`)
	return kib / 1024, err
}

// files is how many files and connections the server has open, 0 where the system does not tell.
func (p *process) files() int {
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	return len(files)
}
