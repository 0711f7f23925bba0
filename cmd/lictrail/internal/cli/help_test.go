package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
)

// TestHelpFits: the help of every command can be read on a terminal of 80
// columns, the hidden ones among them, and all but the words of cobra's own.
func TestHelpFits(t *testing.T) {
	root := Root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	commands := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		commands++
		if c.HasParent() && c.Parent().Name() == "completion" {
			c.Long = ""
		}
		var text bytes.Buffer
		c.SetOut(&text)
		c.InitDefaultHelpFlag()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(text.String(), "\n") {
			if runewidth.StringWidth(line) > 80 {
				t.Errorf("%s --help: %d columns: %s", c.CommandPath(), runewidth.StringWidth(line), line)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	if commands < 30 {
		t.Errorf("%d commands were looked at", commands)
	}
}
