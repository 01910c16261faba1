package luart

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/lib"
)

// A function of a library that blocks is named while it does: by the log, and by the error of who
// wants to look into the VM.
func TestHoldIsNamed(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	warned := make(chan string, 10)
	vm := newVM(t, VMOptions{Logger: zap.New(zapcore.RegisterHooks(core, func(e zapcore.Entry) error { warned <- e.Message; return nil }))})
	t.Cleanup(func() { vm.Close(context.Background()) })
	s := newServer(t, "return rover.server {}")
	s.vm.Close(context.Background())
	s.vm = vm
	release := make(chan struct{})
	blocks := &lib.Library{Name: "blocks", Open: func(s *lib.Scope) lua.LValue {
		t := s.VM.L().NewTable()
		t.RawSetString("now", s.VM.L().NewFunction(func(*lua.LState) int { blockHere(release); return 0 }))
		return t
	}}
	if err := s.load(`
		local api = rover.server {}
		function api.get() rover.blocks.now() return "returned" end
		return api`, func(s *Script) { s.Libraries = append(s.Libraries, blocks) }); err != nil {
		t.Fatal(err)
	}
	vm.budget.SetHoldPatience(40 * time.Millisecond) // a slow machine may load for longer, which is logged as well
	p := s.begin("GET /")
	if got := <-warned; got != "a function of Go holds the VM: nothing else is served until it returns" {
		t.Fatal(got)
	}
	fields := logs.All()[0].ContextMap()
	if function := fields["function"].(string); !strings.Contains(function, "TestHoldIsNamed") || !strings.Contains(fields["go_stack"].(string), "luart.blockHere") {
		t.Errorf("logged %v", fields)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := vm.InFlight(ended, 10); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "TestHoldIsNamed") {
		t.Error(err)
	}
	close(release)
	p.expect("200 returned")
	if got := <-warned; got != "the VM is not held any more" {
		t.Error(got)
	}
	if _, _, err := vm.InFlight(context.Background(), 10); err != nil {
		t.Error(err)
	}
}

func blockHere(until <-chan struct{}) { <-until }
