package settings

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/spf13/cobra"
)

// The tenants of a fleet ask for the variables at the same time.
func TestFlagVariables_AtOnce(t *testing.T) {
	s, err := Load(filepath.Join(t.TempDir(), "none.toml"), false, func(string) string { return "" }, func() *cobra.Command {
		c := &cobra.Command{}
		for i := range 500 {
			c.Flags().Bool(fmt.Sprintf("flag-%d", i), false, "")
		}
		return c
	})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got := len(s.flagVariables()); got < 500 {
				t.Errorf("%d variables", got)
			}
		})
	}
	all.Wait()
}
