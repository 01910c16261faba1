package openapi

import (
	"math"
	"slices"
	"strconv"

	"github.com/caddy-rover/rover/luart/schema"
)

// schemas makes schemas of JSON Schema, which OpenAPI 3.1 has. One that is used several times, or holds
// itself, is a component.
type schemas struct {
	made  map[string]any
	uses  map[*schema.Schema]int
	names map[named]string
}

// named is a schema where members that it does not name are allowed, or not.
type named struct {
	of    *schema.Schema
	extra schema.Extra
}

func newSchemas(operations []Operation) *schemas {
	s := &schemas{made: map[string]any{}, uses: map[*schema.Schema]int{}, names: map[named]string{}}
	for _, o := range sorted(operations) {
		if e := o.Expects; e != nil {
			for _, f := range []*schema.Field{e.Params, e.Query, e.Headers, e.Body} {
				s.count(f)
			}
		}
		if o.Doc != nil {
			for _, r := range o.Doc.Responses {
				s.count(r.Schema)
			}
		}
	}
	return s
}

// count counts where a schema is used; what is in it is counted once.
func (s *schemas) count(f *schema.Field) {
	if f == nil || f.Schema == nil {
		return
	}
	if s.uses[f.Schema]++; s.uses[f.Schema] > 1 {
		return
	}
	s.count(f.Schema.Element)
	for i := range f.Schema.Fields {
		s.count(&f.Schema.Fields[i])
	}
}

// common adds one of commonSchemas.
func (s *schemas) common(name string) { s.made[name] = commonSchemas[name] }

// field is the schema of a place for a value of JSON. One that need not be there may be null, too.
func (s *schemas) field(f *schema.Field, extra schema.Extra) any {
	null := f.Schema.Nullable || !f.Required
	if s.uses[f.Schema] < 2 || f.Schema.Kind != schema.Object && f.Schema.Kind != schema.Array {
		return s.describe(f.Schema, null, extra)
	}
	key := named{f.Schema, extra}
	name, known := s.names[key]
	if !known {
		name = "Schema" + strconv.Itoa(len(s.names)+1)
		s.names[key] = name
		s.made[name] = s.describe(f.Schema, f.Schema.Nullable, extra)
	}
	if null && !f.Schema.Nullable {
		return map[string]any{"anyOf": []any{ref(name), map[string]any{"type": "null"}}}
	}
	return ref(name)
}

// text is the schema of a value that comes as a text: a parameter or a header. There is no null.
func (s *schemas) text(f *schema.Field) any {
	out := s.describe(f.Schema, false, schema.Keep)
	if item := f.Schema.Element; item != nil {
		out["items"] = s.text(item)
	}
	return out
}

// one is text where OpenAPI has an array as one text with commas, which rules take for one value: a
// parameter of a path, or a header.
func (s *schemas) one(f *schema.Field) any {
	switch of := f.Schema; {
	case of.Kind != schema.Array:
		return s.text(f)
	case of.Element == nil:
		return map[string]any{"type": "string"}
	default:
		return s.text(of.Element)
	}
}

// describe is the schema of values, and of null if there may be one.
func (s *schemas) describe(of *schema.Schema, null bool, extra schema.Extra) map[string]any {
	out := map[string]any{}
	var types []string
	switch of.Kind {
	case schema.Any:
		if !null {
			out["not"] = map[string]any{"type": "null"}
		}
	case schema.Table:
		types = []string{"object", "array"}
	default:
		types = []string{of.Kind.String()}
	}
	if null && types != nil {
		types = append(types, "null")
	}
	switch len(types) {
	case 0:
	case 1:
		out["type"] = types[0]
	default:
		out["type"] = types
	}
	if of.Enum != nil {
		values := slices.Clone(of.Enum)
		if null {
			values = append(values, nil)
		}
		out["enum"] = values
	}
	if of.Default != nil {
		out["default"] = of.Default
	}
	s.bounds(out, of)
	if of.Pattern != nil {
		out["pattern"] = of.Pattern.String()
	}
	switch of.Format {
	case schema.Email:
		out["format"] = "email"
	case schema.UUID:
		out["format"] = "uuid"
	case schema.URL:
		out["format"] = "uri"
		out["maxLength"] = schema.MaxURLBytes
	}
	if len(of.Checks) > 0 {
		out["x-rover-checked"] = true
	}
	if of.Element != nil {
		out["items"] = s.field(of.Element, extra)
	}
	if of.Kind == schema.Object {
		s.members(out, of, extra)
	}
	return out
}

// members adds those of an object.
func (s *schemas) members(out map[string]any, of *schema.Schema, extra schema.Extra) {
	properties, required := map[string]any{}, []string{}
	for i := range of.Fields {
		f := &of.Fields[i]
		properties[f.Name] = s.field(f, extra)
		if f.Required {
			required = append(required, f.Name)
		}
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(required) > 0 {
		out["required"] = required
	}
	if extra == schema.Refuse && !of.Open {
		out["additionalProperties"] = false
	}
}

// bounds adds those of a number, a string or an array.
func (s *schemas) bounds(out map[string]any, of *schema.Schema) {
	least, most := of.Min, of.Max
	var names [2]string
	switch of.Kind {
	case schema.Number, schema.Integer:
		if least != nil {
			out["minimum"] = *least
		}
		if most != nil {
			out["maximum"] = *most
		}
		return
	case schema.String:
		names = [2]string{"minLength", "maxLength"}
	case schema.Array:
		names = [2]string{"minItems", "maxItems"}
	default:
		return
	}
	if of.Len != nil {
		least, most = of.Len, of.Len
	}
	if least != nil && *least > 0 {
		out[names[0]] = count(math.Ceil(*least))
	}
	if most != nil {
		out[names[1]] = count(max(0, math.Floor(*most)))
	}
}

// count is a bound as a whole number, which no implementation has to round.
func count(n float64) int64 { return int64(min(n, 1<<53)) }
