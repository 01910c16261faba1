package schema

import "testing"

func TestKinds(t *testing.T) {
	for k := Any; k <= Table; k++ {
		if got, ok := KindNamed(k.String()); !ok || got != k {
			t.Errorf("%s is %v, %v", k, got, ok)
		}
	}
	if _, ok := KindNamed("strng"); ok {
		t.Error("strng is a kind")
	}
}

// A schema may hold itself.
func TestWalk(t *testing.T) {
	text, list, tree := &Schema{Kind: String}, &Schema{Kind: Array}, &Schema{Kind: Object}
	list.Element = &Field{Schema: tree}
	tree.Fields = []Field{{Name: "all", Schema: list}, {Name: "name", Schema: text}, {Name: "title", Schema: text}}
	root := &Field{Schema: tree}
	seen := map[*Schema]int{}
	root.Walk(func(s *Schema) { seen[s]++ })
	if len(seen) != 3 || seen[text] != 1 || seen[list] != 1 || seen[tree] != 1 {
		t.Errorf("seen: %v", seen)
	}
	if root.HasChecks() {
		t.Error("there are no checks")
	}
	if text.Checks = []Check{func() {}}; !root.HasChecks() {
		t.Error("there is a check")
	}
}
