package geo

import "strings"

// Parse is the database that is in a file with a content.
func Parse(content []byte) (Source, error) {
	reader, err := parse(content)
	if err != nil {
		return nil, err
	}
	return &Database{key: key{path: "fuzz"}, reader: reader}, nil
}

// Opened is how many files of a folder are remembered.
func Opened(dir string) (n int) {
	opened.mu.Lock()
	defer opened.mu.Unlock()
	for k := range opened.byKey {
		if strings.HasPrefix(k.path, dir) {
			n++
		}
	}
	return n
}
