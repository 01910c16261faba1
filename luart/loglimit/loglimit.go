package loglimit

import (
	"slices"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// What one entry of a log may be: what a script logs may be as long as a client likes. Bytes
// are those of the text in JSON, where some take six.
const (
	MaxBytes  = 64 << 10
	MaxFields = 128 // those in tables included

	maxTables   = MaxBytes / 2 // of tables, so that messages keep the rest
	maxWith     = 8 << 10      // of each field that a logger adds to all of its entries
	MaxKeyBytes = 256
	maxDepth    = 16 // tables in each other
)

// TruncatedField says in an entry that it is not whole.
const TruncatedField = "truncated"

// Bound returns a logger whose entries are at most 64 KiB of text: the longest texts of an
// entry that has more are cut, and "truncated": true is in it. Any goroutine may call it.
func Bound(l *zap.Logger) *zap.Logger {
	if l == nil {
		return zap.NewNop()
	}
	return l.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		if _, bounded := c.(*boundCore); bounded {
			return c
		}
		return &boundCore{Core: c}
	}))
}

// boundCore cuts what its Core gets. Any goroutine may use it.
type boundCore struct {
	zapcore.Core
	used int  // bytes of the fields that every entry has
	cut  bool // one of those is not whole
}

// Check implements zapcore.Core. The Core is asked by Write, once: it may count the questions.
func (c *boundCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(e.Level) {
		return ce
	}
	return ce.AddCore(e, c)
}

// With implements zapcore.Core.
func (c *boundCore) With(fields []zapcore.Field) zapcore.Core {
	with := &boundCore{used: c.used, cut: c.cut}
	fields = slices.Clone(fields)
	for i := range fields {
		if text, ok := fieldText(&fields[i]); ok {
			n, width := Width(text, maxWith)
			if with.used += width; n < len(text) {
				with.cut = true
				fields[i] = zap.String(fields[i].Key, Cut(text, maxWith))
			}
		}
	}
	with.Core = c.Core.With(fields)
	return with
}

// Write implements zapcore.Core.
func (c *boundCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	cut := c.cut
	tables := tablesWriter{bytes: maxTables, fields: MaxFields - len(fields)}
	bounded := make([]zapcore.Field, 0, len(fields)+1)
	room := MaxBytes - c.used
	texts := []string{e.Message}
	for _, f := range fields {
		if n, width := Width(f.Key, MaxKeyBytes); n < len(f.Key) {
			cut = true
			f.Key = Cut(f.Key, MaxKeyBytes)
		} else {
			room -= width
		}
		switch v := f.Interface.(type) {
		case more:
			cut = true
			continue
		case table:
			json := tables.append(nil, v.LTable, 0)
			room -= len(json)
			f = zap.Any(f.Key, rawJSON(json))
		}
		if text, ok := fieldText(&f); ok {
			texts = append(texts, text)
		}
		bounded = append(bounded, f)
	}
	longest := fairShare(texts, max(room, MaxKeyBytes))
	if n, _ := Width(e.Message, longest); n < len(e.Message) {
		cut = true
		e.Message = Cut(e.Message, longest)
	}
	for i := range bounded {
		if text, ok := fieldText(&bounded[i]); ok {
			if n, _ := Width(text, longest); n < len(text) {
				cut = true
				bounded[i] = zap.String(bounded[i].Key, Cut(text, longest))
			}
		}
	}
	if cut || tables.cut {
		bounded = append(bounded, zap.Bool(TruncatedField, true))
	}
	if ce := c.Core.Check(e, nil); ce != nil {
		ce.Write(bounded...)
	}
	return nil
}

// fieldText returns the text of a field whose length data may decide.
func fieldText(f *zapcore.Field) (string, bool) {
	switch f.Type {
	case zapcore.StringType:
		return f.String, true
	case zapcore.ByteStringType:
		b, ok := f.Interface.([]byte)
		return string(b), ok
	case zapcore.ErrorType:
		err, ok := f.Interface.(error)
		if !ok {
			return "", false
		}
		return err.Error(), true
	}
	return "", false
}

// fairShare returns to what each of the texts is to be cut for all of them to fit into room
// bytes: short ones leave what they do not need to the others.
func fairShare(texts []string, room int) int {
	widths := make([]int, len(texts))
	for i, text := range texts {
		n, width := Width(text, room)
		if n < len(text) {
			width = room + 1
		}
		widths[i] = width
	}
	slices.Sort(widths)
	for i, width := range widths {
		share := room / (len(widths) - i)
		if width > share {
			return share
		}
		room -= width
	}
	return MaxBytes
}

// Width returns the length of the longest beginning of s, whole characters, that takes at
// most limit bytes in JSON, and how many it takes.
func Width(s string, limit int) (n, width int) {
	for n < len(s) {
		size, takes := 1, 1
		switch c := s[n]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			takes = 2
		case c < ' ':
			takes = 6
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRuneInString(s[n:]); r == utf8.RuneError && size == 1 {
				takes = 6
			} else {
				takes = size
				if r == '\u2028' || r == '\u2029' {
					takes = 6
				}
			}
		}
		if width+takes > limit {
			return n, width
		}
		n += size
		width += takes
	}
	return n, width
}

// Cut returns s cut to whole characters that take at most limit bytes in a log, with a
// mark where it was cut.
func Cut(s string, limit int) string {
	const mark = "…"
	if n, _ := Width(s, limit); n == len(s) {
		return s
	}
	n, _ := Width(s, max(limit-len(mark), 0))
	return s[:n] + mark
}

// more is a field that says that there were more.
type more struct{}

// table is a field that is written when the entry is, as far as there is room.
type table struct{ *lua.LTable }

// rawJSON is logged as the JSON it is.
type rawJSON []byte

func (j rawJSON) MarshalJSON() ([]byte, error) { return j, nil }
