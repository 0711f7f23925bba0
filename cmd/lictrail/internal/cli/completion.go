package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/graph"
	"lictrail/snapshot"
)

// flagWords are the values that flags take, by the command and the flag or, for
// flags of several commands, by the flag alone.
var flagWords = map[string][]string{
	"audit-source":        {connect.AuditGraph, connect.AuditPurview, connect.AuditActivity, connect.AuditNone},
	"auth":                graph.CredentialKinds(),
	"changes cause":       texts(snapshot.Causes),
	"changes initiator":   texts(snapshot.Initiators),
	"changes kind":        texts(snapshot.Kinds),
	"cloud":               {"global", "usgov", "dod", "china"},
	"date-order":          {"dmy", "mdy"},
	"doctor for":          texts(graph.Features),
	"log-format":          {"text", "json"},
	"reclaim bucket":      {"candidate", "unknown", "excluded"},
	"audit search source": {"graph", "unified", "purview", "azure-monitor"},
	"sync activity":       append([]string{"all"}, texts(snapshot.ActivitySources)...),
	"sync notify":         append([]string{"all"}, notify.Kinds...),
}

func texts[T ~string](words []T) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return list
}

// completeFlags lets shells complete what flags take: known words, the SKUs of
// the database, files where a file is meant, and nothing elsewhere.
func completeFlags(e *env, c *cobra.Command) {
	command := commandName(c)
	c.Flags().VisitAll(func(f *pflag.Flag) {
		what, _ := pflag.UnquoteUsage(f)
		if what == "file" || f.Value.Type() == "bool" || f.Name == "format" {
			return
		}
		if c.HasParent() && c.Root().PersistentFlags().Lookup(f.Name) == f {
			return // the root's, which a command below may show as its own
		}
		words, ok := flagWords[command+" "+f.Name]
		if !ok {
			words = flagWords[f.Name]
		}
		register(c, f.Name, func(cmd *cobra.Command) []string {
			if f.Name == "sku" {
				return e.knownSKUs(cmd.Context())
			}
			return words
		})
	})
	if !c.HasParent() {
		register(c, "format", formatsOf)
	}
	for _, sub := range c.Commands() {
		completeFlags(e, sub)
	}
}

func register(c *cobra.Command, flag string, words func(*cobra.Command) []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return completions(words(cmd), begun), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // no such flag, or twice: a mistake of ours that every test meets
	}
}

// completions are the words that begin so; in a list, what stands before the
// last comma stays.
func completions(words []string, begun string) []string {
	i := strings.LastIndexByte(begun, ',') + 1
	before, begun := begun[:i], begun[i:]
	var list []string
	for _, w := range words {
		if strings.HasPrefix(strings.ToLower(w), strings.ToLower(begun)) {
			list = append(list, before+w)
		}
	}
	return list
}

// knownSKUs are the part numbers in the database, none if it cannot be read: a
// shell that completes has nobody to tell.
func (e *env) knownSKUs(ctx context.Context) []string {
	var list []string
	_ = withHistory(ctx, e, func(n names) error {
		for _, part := range n.History.PartNumbers() {
			list = append(list, part)
		}
		return nil
	})
	slices.Sort(list)
	return list
}
