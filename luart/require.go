package luart

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/stdlib"
)

// moduleReader returns a resolver for the modules in a folder. Others hold the VM while it reads: a
// file system may take long to answer, and is given up after a while. opened is told of each file
// that was looked at, source nil when there was none; nil: nobody wants to know.
func (vm *VM) moduleReader(dir string, opened func(path string, source []byte)) stdlib.Resolver {
	return func(L *lua.LState, name string) (m stdlib.Module, err error) {
		var found module.Found
		vm.await(L, waitsOn{what: "reading module", which: name}, func(ctx context.Context) {
			found, err = vm.modules.Read(ctx, dir, name)
		})
		if opened != nil {
			for _, l := range found.Looked {
				opened(l.Path, l.Source)
			}
		}
		return found.Module, err
	}
}

// compileAside is compile while others hold the VM. It ends with the call that runs in L.
func (vm *VM) compileAside(L *lua.LState, source []byte, path string) (proto *lua.FunctionProto, err error) {
	vm.await(L, waitsOn{what: "compiling", which: path}, func(ctx context.Context) {
		proto, err = chunk.CompileFor(ctx, source, path)
	})
	return proto, err
}
