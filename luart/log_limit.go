package luart

import (
	"slices"
	"strconv"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// What one entry of a log may be: what a script logs may be as long as a client likes. Bytes
// are those of the text in JSON, where some take six.
const (
	maxLogBytes  = 64 << 10
	maxLogFields = 128 // those in tables included

	maxLogTables   = maxLogBytes / 2 // of tables, so that messages keep the rest
	maxLogWith     = 8 << 10         // of each field that a logger adds to all of its entries
	maxLogKeyBytes = 256
	maxLogDepth    = 16 // tables in each other
)

// cutField says in an entry that it is not whole.
const cutField = "truncated"

// BoundLog returns a logger whose entries are at most 64 KiB of text: the longest texts of an
// entry that has more are cut, and "truncated": true is in it. Any goroutine may call it.
func BoundLog(l *zap.Logger) *zap.Logger {
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
			n, width := logWidth(text, maxLogWith)
			if with.used += width; n < len(text) {
				with.cut = true
				fields[i] = zap.String(fields[i].Key, cutText(text, maxLogWith))
			}
		}
	}
	with.Core = c.Core.With(fields)
	return with
}

// Write implements zapcore.Core.
func (c *boundCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	cut := c.cut
	tables := logTables{bytes: maxLogTables, fields: maxLogFields - len(fields)}
	bounded := make([]zapcore.Field, 0, len(fields)+1)
	room := maxLogBytes - c.used
	texts := []string{e.Message}
	for _, f := range fields {
		if n, width := logWidth(f.Key, maxLogKeyBytes); n < len(f.Key) {
			cut = true
			f.Key = cutText(f.Key, maxLogKeyBytes)
		} else {
			room -= width
		}
		switch v := f.Interface.(type) {
		case logCut:
			cut = true
			continue
		case logTable:
			json := tables.append(nil, v.LTable, 0)
			room -= len(json)
			f = zap.Any(f.Key, rawJSON(json))
		}
		if text, ok := fieldText(&f); ok {
			texts = append(texts, text)
		}
		bounded = append(bounded, f)
	}
	longest := fairShare(texts, max(room, maxLogKeyBytes))
	if n, _ := logWidth(e.Message, longest); n < len(e.Message) {
		cut = true
		e.Message = cutText(e.Message, longest)
	}
	for i := range bounded {
		if text, ok := fieldText(&bounded[i]); ok {
			if n, _ := logWidth(text, longest); n < len(text) {
				cut = true
				bounded[i] = zap.String(bounded[i].Key, cutText(text, longest))
			}
		}
	}
	if cut || tables.cut {
		bounded = append(bounded, zap.Bool(cutField, true))
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
		n, width := logWidth(text, room)
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
	return maxLogBytes
}

// logWidth returns the length of the longest beginning of s, whole characters, that takes at
// most limit bytes in JSON, and how many it takes.
func logWidth(s string, limit int) (n, width int) {
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

// cutText returns s cut to whole characters that take at most limit bytes in a log, with a
// mark where it was cut.
func cutText(s string, limit int) string {
	const mark = "…"
	if n, _ := logWidth(s, limit); n == len(s) {
		return s
	}
	n, _ := logWidth(s, max(limit-len(mark), 0))
	return s[:n] + mark
}

// logCut is a field that says that there were more.
type logCut struct{}

// logTable is a field that is written when the entry is, as far as there is room.
type logTable struct{ *lua.LTable }

// rawJSON is logged as the JSON it is.
type rawJSON []byte

func (j rawJSON) MarshalJSON() ([]byte, error) { return j, nil }

// logFields returns argument n, a table or nothing, as fields of a log line: maxLogFields of
// them. Only the holder may call it.
func logFields(L *lua.LState, n int) []zap.Field {
	t := L.OptTable(n, nil)
	if t == nil {
		return nil
	}
	var fields []zap.Field
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if len(fields) == maxLogFields {
			return append(fields, zap.Any("", logCut{}))
		}
		key := k.String()
		if plain, ok := scalar(v); ok {
			fields = append(fields, zap.Any(key, plain))
		} else if table, ok := v.(*lua.LTable); ok {
			fields = append(fields, zap.Any(key, logTable{table}))
		} else {
			fields = append(fields, zap.String(key, v.String()))
		}
	}
	return fields
}

// logTables writes the tables of one entry as JSON. What has no room is left out.
type logTables struct {
	bytes, fields int // that may still come
	cut           bool
}

// append appends v, depth tables below a field. Only the holder may call it.
func (w *logTables) append(dst []byte, v lua.LValue, depth int) []byte {
	start := len(dst)
	switch v := v.(type) {
	case lua.LNumber:
		dst = jsonlua.AppendNumber(dst, float64(v))
	case lua.LBool:
		dst = strconv.AppendBool(dst, bool(v))
	case *lua.LNilType:
		dst = append(dst, "null"...)
	case *lua.LTable:
		switch {
		case depth == maxLogDepth:
			w.cut = true
			return append(dst, `"…"`...)
		case v.RawGetInt(1) != lua.LNil || luaval.IsJSONArray(v):
			return w.array(dst, v, depth+1)
		}
		return w.object(dst, v, depth+1)
	default:
		if v == lua.LValue(luaval.JSONNull) {
			return append(dst, "null"...)
		}
		return w.text(dst, v.String())
	}
	w.bytes -= len(dst) - start
	return dst
}

// text appends a string, or as much of it as there is room for.
func (w *logTables) text(dst []byte, s string) []byte {
	start := len(dst)
	if n, _ := logWidth(s, w.bytes); n < len(s) {
		w.cut = true
		s = cutText(s, w.bytes)
	}
	dst = jsonlua.AppendString(dst, s)
	w.bytes -= len(dst) - start
	return dst
}

// room reports whether one more value may come, and counts it.
func (w *logTables) room() bool {
	if w.fields <= 0 || w.bytes <= 0 {
		w.cut = true
		return false
	}
	w.fields--
	w.bytes-- // its comma
	return true
}

func (w *logTables) array(dst []byte, t *lua.LTable, depth int) []byte {
	dst = append(dst, '[')
	for i, n := 1, t.MaxN(); i <= n && w.room(); i++ {
		if i > 1 {
			dst = append(dst, ',')
		}
		dst = w.append(dst, t.RawGetInt(i), depth)
	}
	return append(dst, ']')
}

func (w *logTables) object(dst []byte, t *lua.LTable, depth int) []byte {
	dst = append(dst, '{')
	first := len(dst)
	for k, v := t.Next(lua.LNil); k != lua.LNil && w.room(); k, v = t.Next(k) {
		if len(dst) > first {
			dst = append(dst, ',')
		}
		key := k.String()
		if n, _ := logWidth(key, maxLogKeyBytes); n < len(key) {
			w.cut = true
			key = cutText(key, maxLogKeyBytes)
		}
		dst = append(w.text(dst, key), ':')
		dst = w.append(dst, v, depth)
	}
	return append(dst, '}')
}
