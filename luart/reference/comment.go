package reference

import (
	"fmt"
	"strings"
)

// comment reads the lines above a declaration: paragraphs with an empty line between them, and a
// block of Lua.
func comment(lines []string) (c Comment, err error) {
	var paragraph []string
	end := func() error {
		between := " "
		if len(paragraph) > 0 && strings.HasPrefix(paragraph[0], "|") { // a table
			between = "\n"
		}
		text := strings.Join(paragraph, between)
		paragraph = nil
		if text == "" {
			return nil
		}
		word, rest, ok := strings.Cut(text, ": ")
		section := map[string]*string{"Errors": &c.Errors, "Waits": &c.Waits, "Where": &c.Where}[word]
		switch {
		case ok && section != nil:
			if *section != "" {
				return fmt.Errorf("there are two paragraphs that begin with %s", word)
			}
			*section = rest
		case strings.HasPrefix(text, "Example: see `") && strings.HasSuffix(text, "`."):
			c.See = strings.TrimSuffix(strings.TrimPrefix(text, "Example: see `"), "`.")
		case c.Errors != "" || c.Waits != "" || c.Where != "":
			return fmt.Errorf("%q comes after Errors, Waits or Where", text)
		default:
			c.Text = append(c.Text, text)
		}
		return nil
	}
	inBlock := false
	var block []string
	for _, line := range lines {
		switch {
		case inBlock && line == "```":
			inBlock = false
			c.Example = strings.Join(block, "\n") + "\n"
		case inBlock:
			block = append(block, line)
		case line == "```lua":
			if c.Example != "" {
				return c, fmt.Errorf("there are two examples")
			}
			if err := end(); err != nil {
				return c, err
			}
			inBlock = true
		case strings.HasPrefix(line, "```"):
			return c, fmt.Errorf("an example is a block of lua, not %q", line)
		case line == "":
			if err := end(); err != nil {
				return c, err
			}
		default:
			if c.Example != "" {
				return c, fmt.Errorf("%q comes after the example", line)
			}
			paragraph = append(paragraph, strings.TrimSpace(line))
		}
	}
	if inBlock {
		return c, fmt.Errorf("the example has no end")
	}
	return c, end()
}
