package environ

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestPolicy(t *testing.T) {
	p, err := ParsePolicy([]string{"APP_*", "HOME"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"APP_": true, "APP_KEY": true, "HOME": true,
		"APP": false, "APPLE_KEY": false, "app_key": false, "HOMEPATH": false, "HOM": false, "": false, "XAPP_KEY": false,
	} {
		if p.Allows(name) != want {
			t.Errorf("%q: got %v", name, !want)
		}
	}
	for prefix, want := range map[string]bool{"APP_": true, "APP_DB_": true, "AP": true, "HO": true, "HOME_": false, "OTHER_": false} {
		if p.AllowsBelow(prefix) != want {
			t.Errorf("below %q: got %v", prefix, !want)
		}
	}
	for _, all := range []*Policy{nil, {}} {
		if !all.Allows("ANY") || !all.AllowsBelow("ANY_") {
			t.Error("without rules not everything may be read")
		}
	}
	for _, rule := range []string{"*", "", "A*B", "1A", "A-B", "A B", "A=1", "**", "ä", "A.*"} {
		if _, err := ParsePolicy([]string{rule}); err == nil {
			t.Errorf("rule %q: no error", rule)
		}
	}
}

func TestNest(t *testing.T) {
	narrow, err := ParsePolicy([]string{"APP_DB_*"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		env    []string
		policy *Policy
		want   Branch
		err    string
	}{
		{
			"nested",
			[]string{"APP_DB_HOST=h", "APP_DB_PORT=1", "APP_NAME=n=m", "APPLE_X=1", "APP=2", "app_x=1"},
			nil,
			Branch{"db": Branch{"host": "h", "port": "1"}, "name": "n=m"},
			"",
		},
		{"nothing", []string{"HOME=/"}, nil, Branch{}, ""},
		{"a value that is empty", []string{"APP_X="}, nil, Branch{"x": ""}, ""},
		{"what may be read", []string{"APP_DB_HOST=h", "APP_KEY=k"}, narrow, Branch{"db": Branch{"host": "h"}}, ""},
		{"a text and a table", []string{"APP_DB_HOST=h", "APP_DB=d"}, nil, nil, "APP_DB and APP_DB_HOST are both about db"},
		{"a table and a text", []string{"APP_DB_X_Y=h", "APP_DB_X=d", "APP_DB_=1"}, nil, nil, "APP_DB_: a part between underscores is empty"},
		{"by case", []string{"APP_Key=h", "APP_KEY=d"}, nil, nil, "APP_KEY and APP_Key are both about key"},
		{"a table and a text, by case", []string{"APP_A_B=1", "APP_a=2"}, nil, nil, "APP_A_B and APP_a are both about a"},
		{"two underscores", []string{"APP__X=1"}, nil, nil, "APP__X: a part"},
		{"too deep", []string{"APP" + strings.Repeat("_X", MaxDepth+1) + "=1"}, nil, nil, "it has 17 parts"},
	} {
		got, err := Nest("APP", tt.env, tt.policy)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v, %v", tt.name, got, err)
			}
		} else if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %v, %v", tt.name, got, err)
		}
	}
	var many []string
	for i := range MaxVariables + 1 {
		many = append(many, fmt.Sprintf("APP_V%d=1", i))
	}
	if _, err := Nest("APP", many, nil); err == nil || !strings.Contains(err.Error(), "1001 variables") {
		t.Errorf("got %v", err)
	}
}

func FuzzNest(f *testing.F) {
	f.Add("APP", "APP_DB_HOST=h\nAPP_DB=d")
	f.Fuzz(func(t *testing.T, prefix, text string) {
		tree, err := Nest(prefix, strings.Split(text, "\n"), nil)
		if err == nil && tree == nil {
			t.Error("neither a tree nor an error")
		}
	})
}
