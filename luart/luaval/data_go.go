package luaval

import (
	lua "github.com/yuin/gopher-lua"
)

// GoValue returns plain data as a Go value: nil, bool, float64, string, []any for an array
// (from 1 on, or rover.json.array) that is not empty or marked so, or map[string]any with
// other keys left out.
func GoValue(v DataCopy) any {
	switch v := v.(type) {
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		return string(v)
	case *DataTable:
		if v.Array || len(v.Items) > 0 && len(v.Members) == 0 {
			list := make([]any, len(v.Items))
			for i, item := range v.Items {
				list[i] = GoValue(item)
			}
			return list
		}
		m := make(map[string]any, len(v.Members))
		for _, member := range v.Members {
			if key, ok := member.Key.(lua.LString); ok {
				m[string(key)] = GoValue(member.Value)
			}
		}
		return m
	}
	return nil
}

// CopyGo is the reverse of GoValue, for what Go makes. What it does not know is nil.
func CopyGo(v any) DataCopy {
	switch v := v.(type) {
	case bool:
		return lua.LBool(v)
	case int:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		t := &DataTable{}
		for _, item := range v {
			t.Items = append(t.Items, CopyGo(item))
		}
		return t
	case map[string]any:
		t := &DataTable{}
		for key, item := range v {
			t.Members = append(t.Members, DataMember{Key: lua.LString(key), Value: CopyGo(item)})
		}
		return t
	}
	return lua.LNil
}
