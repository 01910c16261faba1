package loglimit

import (
	"strconv"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Fields returns argument n, a table or nothing, as fields of a log line: MaxFields of
// them. Only the holder may call it.
func Fields(L *lua.LState, n int) []zap.Field {
	t := luaval.OptTable(L, n)
	if t == nil {
		return nil
	}
	var fields []zap.Field
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if len(fields) == MaxFields {
			return append(fields, zap.Any("", more{}))
		}
		key := k.String()
		if plain, ok := luaval.Scalar(v); ok {
			fields = append(fields, zap.Any(key, plain))
		} else if t, ok := v.(*lua.LTable); ok {
			fields = append(fields, zap.Any(key, table{t}))
		} else {
			fields = append(fields, zap.String(key, luaval.ExactText(v)))
		}
	}
	return fields
}

// tablesWriter writes the tables of one entry as JSON. What has no room is left out.
type tablesWriter struct {
	bytes, fields int // that may still come
	cut           bool
}

// append appends v, depth tables below a field. Only the holder may call it.
func (w *tablesWriter) append(dst []byte, v lua.LValue, depth int) []byte {
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
		case depth == maxDepth:
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
		return w.text(dst, luaval.ExactText(v))
	}
	w.bytes -= len(dst) - start
	return dst
}

// text appends a string, or as much of it as there is room for.
func (w *tablesWriter) text(dst []byte, s string) []byte {
	start := len(dst)
	if n, _ := Width(s, w.bytes); n < len(s) {
		w.cut = true
		s = Cut(s, w.bytes)
	}
	dst = jsonlua.AppendString(dst, s)
	w.bytes -= len(dst) - start
	return dst
}

// room reports whether one more value may come, and counts it.
func (w *tablesWriter) room() bool {
	if w.fields <= 0 || w.bytes <= 0 {
		w.cut = true
		return false
	}
	w.fields--
	w.bytes-- // its comma
	return true
}

func (w *tablesWriter) array(dst []byte, t *lua.LTable, depth int) []byte {
	dst = append(dst, '[')
	for i, n := 1, t.MaxN(); i <= n && w.room(); i++ {
		if i > 1 {
			dst = append(dst, ',')
		}
		dst = w.append(dst, t.RawGetInt(i), depth)
	}
	return append(dst, ']')
}

func (w *tablesWriter) object(dst []byte, t *lua.LTable, depth int) []byte {
	dst = append(dst, '{')
	first := len(dst)
	for k, v := t.Next(lua.LNil); k != lua.LNil && w.room(); k, v = t.Next(k) {
		if len(dst) > first {
			dst = append(dst, ',')
		}
		key := k.String()
		if n, _ := Width(key, MaxKeyBytes); n < len(key) {
			w.cut = true
			key = Cut(key, MaxKeyBytes)
		}
		dst = append(w.text(dst, key), ':')
		dst = w.append(dst, v, depth)
	}
	return append(dst, '}')
}
