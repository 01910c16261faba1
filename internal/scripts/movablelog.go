package scripts

import (
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// movableLog is the logger of what may outlive a config: it writes to where the config says that
// runs now. The logs of a config that has ended are closed. Any goroutine may use it.
type movableLog struct {
	*zap.Logger
	to *atomic.Pointer[zapcore.Core]
}

// newMovableLog returns one that writes to where a logger does; nil is nowhere. What else the
// logger does, its name for instance, stays.
func newMovableLog(logger *zap.Logger) *movableLog {
	if logger == nil {
		logger = zap.NewNop()
	}
	l := &movableLog{to: new(atomic.Pointer[zapcore.Core])}
	l.use(logger)
	l.Logger = logger.WithOptions(zap.WrapCore(func(zapcore.Core) zapcore.Core { return movableCore{to: l.to} }))
	return l
}

// use has it write to where another logger does.
func (l *movableLog) use(logger *zap.Logger) {
	if logger == nil {
		logger = zap.NewNop()
	}
	core := logger.Core()
	l.to.Store(&core)
}

// movableCore is a core that passes on to another one, which may change.
type movableCore struct {
	to     *atomic.Pointer[zapcore.Core]
	fields []zapcore.Field // that With has added
}

func (c movableCore) now() zapcore.Core {
	core := *c.to.Load()
	if len(c.fields) > 0 {
		core = core.With(c.fields)
	}
	return core
}

// Enabled implements zapcore.Core.
func (c movableCore) Enabled(level zapcore.Level) bool { return (*c.to.Load()).Enabled(level) }

// With implements zapcore.Core.
func (c movableCore) With(fields []zapcore.Field) zapcore.Core {
	all := make([]zapcore.Field, 0, len(c.fields)+len(fields))
	return movableCore{c.to, append(append(all, c.fields...), fields...)}
}

// Check implements zapcore.Core: the other one writes itself.
func (c movableCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(entry.Level) {
		return checked
	}
	return c.now().Check(entry, checked)
}

// Write implements zapcore.Core.
func (c movableCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	return c.now().Write(entry, fields)
}

// Sync implements zapcore.Core.
func (c movableCore) Sync() error { return (*c.to.Load()).Sync() }
