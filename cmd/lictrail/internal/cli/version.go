package cli

import (
	"cmp"
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot/store/engine"
)

// Version is for those who build without the repository at hand, with
// -ldflags "-X lictrail/cmd/lictrail/internal/cli.Version=v1.2.3". Otherwise the
// build knows its version from the tag that it was built at.
var Version = ""

func version() string { return buildOf().Version }

// build is what a program knows of how it was built.
type build struct {
	Version  string     `json:"version"`
	Commit   *string    `json:"commit"` // null: built without the repository
	Date     *string    `json:"date"`   // of the commit
	Modified bool       `json:"modified"`
	Go       string     `json:"go"`
	SQLite   sqliteJSON `json:"sqlite"`
	Platform string     `json:"platform"`
}

type sqliteJSON struct {
	Version  string `json:"version"`
	SourceID string `json:"source_id"`
}

func buildOf() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		b.Version = cmp.Or(info.Main.Version, b.Version)
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = show.OrNull(s.Value)
			case "vcs.time":
				b.Date = show.OrNull(s.Value)
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	b.Version = cmp.Or(Version, b.Version)
	return b
}

func newVersion(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The version of this program, and what it was built from",
		Example: `  lictrail version
  lictrail version --format json`,
		Args:        noArgs,
		Annotations: map[string]string{noFormats: "csv"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return runVersion(cmd.Context(), e) },
	}
}

func runVersion(ctx context.Context, e *env) error {
	b := buildOf()
	var err error
	if b.SQLite.Version, b.SQLite.SourceID, err = engine.Version(ctx); err != nil {
		return err
	}
	if e.format == "json" {
		doc := out.NewDocument(e.Out, out.Tenant{})
		if err := doc.Item(b); err != nil {
			return err
		}
		return doc.Close()
	}
	commit := textOr(b.Commit, "not known")
	if b.Modified {
		commit += ", modified"
	}
	if err := e.Printf("lictrail %s\n", b.Version); err != nil {
		return err
	}
	return out.Pairs(e.Streams, "Commit", commit, "Date", textOr(b.Date, "not known"), "Go", b.Go, "SQLite", b.SQLite.Version, "Platform", b.Platform)
}

func textOr(text *string, other string) string {
	if text == nil {
		return other
	}
	return *text
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
