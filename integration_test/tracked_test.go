package integration_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/internal/needs"
)

// What a compiler has made is no part of the repository, whatever its name is.
func TestNoExecutableIsTracked(t *testing.T) {
	needs.Program(t, "git")
	if out, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--is-inside-work-tree").CombinedOutput(); err != nil {
		needs.Skip(t, "needs a clone: this is a copy without .git: "+strings.TrimSpace(string(out)))
	}
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	files := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(files) < 100 {
		t.Fatalf("git tracks %d files only: %q", len(files), files)
	}
	for _, file := range files {
		kind, err := executable(filepath.Join("..", file))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // deleted, and not committed yet
			t.Error(err)
		}
		if kind != "" {
			t.Errorf("%s is tracked, and is %s: git rm --cached it", file, kind)
		}
	}
}

// This very test is an executable, and its source is none.
func TestExecutable(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if kind, err := executable(self); kind == "" {
		t.Errorf("the test binary is no executable? %v", err)
	}
	if kind, err := executable("tracked_test.go"); kind != "" || err != nil {
		t.Errorf("tracked_test.go: %q, %v", kind, err)
	}
	pe := append([]byte("MZ"), make([]byte, 62)...)
	binary.LittleEndian.PutUint32(pe[0x3c:], 64)
	for name, c := range map[string]struct{ text, want string }{
		"a page":          {"MZ is also how a text may begin, and go on for more than its header would take.\n", ""},
		"a program":       {string(pe) + "PE\x00\x00", "a PE executable"},
		"an archive":      {"!<arch>\n", "an archive of object files"},
		"one of a Mac":    {"\xcf\xfa\xed\xfe\x0c", "a Mach-O executable"},
		"nothing":         {"", ""},
		"one byte":        {"\x7f", ""},
		"a shell command": {"#!/bin/sh\n", ""},
	} {
		file := filepath.Join(t.TempDir(), "f")
		write(t, file, c.text)
		if kind, err := executable(file); kind != c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, kind, err, c.want)
		}
	}
}

// executable says what kind of machine code a file is, by its first bytes; "" for what is
// none.
func executable(path string) (kind string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 4096) // an MZ header tells where its PE header is: within these
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	head = head[:n]
	for magic, kind := range map[string]string{
		"\x7fELF":          "an ELF executable",
		"\xfe\xed\xfa\xce": "a Mach-O executable",
		"\xfe\xed\xfa\xcf": "a Mach-O executable",
		"\xce\xfa\xed\xfe": "a Mach-O executable",
		"\xcf\xfa\xed\xfe": "a Mach-O executable",
		"\xca\xfe\xba\xbe": "a Mach-O executable",
		"\x00asm":          "a WebAssembly module",
		"!<arch>\n":        "an archive of object files",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return kind, nil
		}
	}
	if bytes.HasPrefix(head, []byte("MZ")) && len(head) >= 64 {
		at := int64(binary.LittleEndian.Uint32(head[0x3c:]))
		if at+4 <= int64(len(head)) && string(head[at:at+4]) == "PE\x00\x00" {
			return "a PE executable", nil
		}
	}
	return "", nil
}
