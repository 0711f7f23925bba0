package cli

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is set by the release build; otherwise the build says what it knows.
var Version = ""

func version() string {
	if Version != "" {
		return Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

func newVersion(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The version of this program",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return e.Printf("lictrail %s\n", version())
		},
	}
}

func newExitCodes() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `Exit codes. A code that is not listed must be read as a failure.

  0    done
  1    failed, for another reason than those below
  2    wrong use, unknown user or SKU
  3    the read was incomplete: nothing became history
  4    sign-in or permission
  5    Graph throttled or out of reach: try later
  6    database damaged
  7    database busy, for another tenant, or newer than this build
  10   changes found (only with sync --exit-code)
  130  interrupted`,
	}
}
