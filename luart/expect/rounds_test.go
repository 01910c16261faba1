package expect

import (
	"testing"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/schema"
)

// A number is compared as it was sent: what is behind gets its text. What scripts see of it is a
// number of Lua.
func TestBoundsOfWhatWasSent(t *testing.T) {
	L := newState(t)
	low, high := 1.0, 100.0
	integer := &schema.Schema{Kind: schema.Integer, Min: &low, Max: &high}
	number := &schema.Schema{Kind: schema.Number, Min: &low, Max: &high}
	listed := &schema.Schema{Kind: schema.Number, Enum: []schema.Value{2.5, 9007199254740994.0}}
	for _, c := range []struct {
		schema *schema.Schema
		text   string
		want   string // "": a fault
	}{
		{integer, "100", "100"},
		{integer, "1e2", "100"},
		{integer, "100.0", "100"},
		{integer, "100.00000000000000000001", ""},
		{integer, "0.99999999999999999999999", ""},
		{integer, "1.00000000000000000000001", ""},
		{integer, "9007199254740993", ""},
		{number, "100.00000000000000000001", ""},
		{number, "0.99999999999999999999999", ""},
		{number, "99.99999999999999999999", "100"},
		{number, "0.1", ""},
		{number, "1.1", "1.1"},
		{number, "1e400", "error"},
		{listed, "2.5", "2.5"},
		{listed, "2.50000000000000000000001", ""},
		{listed, "9007199254740994", "9007199254740994"},
		{listed, "9007199254740993", ""},
	} {
		r := &schema.Request{Body: &schema.Field{Required: true, Schema: &schema.Schema{Kind: schema.Object, Fields: []schema.Field{{Name: "n", Required: true, Schema: c.schema}}}}}
		v, faults, err := CheckBody(L, r, []byte(`{"n":`+c.text+`}`))
		switch {
		case err != nil:
			if c.want != "error" {
				t.Errorf("%s: %v", c.text, err)
			}
		case faults != nil:
			if c.want != "" {
				t.Errorf("%s: %v", c.text, faults)
			}
		default:
			got, err := jsonlua.Append(nil, nil, v)
			if want := `{"n":` + c.want + `}`; err != nil || string(got) != want {
				t.Errorf("%s: got %s, %v, not %s", c.text, got, err, want)
			}
		}
	}
	// What no schema describes is a number of Lua, too, however deep.
	r := &schema.Request{Body: &schema.Field{Required: true, Schema: &schema.Schema{Kind: schema.Object, Open: true}}, Extra: schema.Keep}
	v, faults, err := CheckBody(L, r, []byte(`{"a":[{"b":0.10000000000000000000001}],"c":null}`))
	if err != nil || faults != nil {
		t.Fatal(faults, err)
	}
	if got, err := jsonlua.Append(nil, nil, v); err != nil || string(got) != `{"a":[{"b":0.1}]}` {
		t.Errorf("got %s, %v", got, err)
	}
}
