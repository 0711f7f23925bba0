package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/snapshot"
)

// flagWords are the values that flags take, by the command and the flag or, for
// flags of several commands, by the flag alone.
var flagWords = map[string][]string{
	"audit-source":        {connect.AuditGraph, connect.AuditPurview, connect.AuditActivity, connect.AuditNone},
	"auth":                graph.CredentialKinds(),
	"changes by":          ask.CountKeys,
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

// completeFlags lets shells complete what flags take: known words, the people, groups, plans and SKUs
// of the database, files where a file is meant, and nothing elsewhere.
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
		kind := ask.Completed(f.Name)
		register(c, f.Name, func(cmd *cobra.Command, begun string) []string {
			if slices.Contains(ask.Completions, kind) {
				return e.known(cmd.Context(), kind, begun)
			}
			return words
		})
	})
	if kinds, ok := argumentKinds[command]; ok {
		c.ValidArgs, c.ValidArgsFunction = nil, e.completeArguments(kinds)
	}
	if !c.HasParent() {
		register(c, "format", func(cmd *cobra.Command, _ string) []string { return formatsOf(cmd) })
	}
	for _, sub := range c.Commands() {
		completeFlags(e, sub)
	}
}

// argumentKinds are what the arguments of commands are, by the flags that take the
// same.
var argumentKinds = map[string][]string{
	"forget":  {"user"},
	"history": {"user"},
	"who":     {"verb", "user", "sku"},
}

func (e *env) completeArguments(kinds []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		var words []string
		if len(args) < len(kinds) {
			if kind := kinds[len(args)]; kind == "verb" {
				words = ask.Verbs()
			} else {
				words = e.known(cmd.Context(), ask.Completed(kind), begun)
			}
		}
		return completions(words, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

func register(c *cobra.Command, flag string, words func(cmd *cobra.Command, begun string) []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return completions(words(cmd, begun), begun), cobra.ShellCompDirectiveNoFileComp
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

// known reads words from the database, none if it cannot be read: a shell that
// completes shows no errors. Names that could steer a terminal are left out.
func (e *env) known(ctx context.Context, kind ask.Completed, begun string) []string {
	var list []string
	quiet := e.Quiet
	e.Quiet = true
	defer func() { e.Quiet = quiet }()
	_ = withHistory(ctx, e, func(b *ask.Book) error {
		found, err := ask.Complete(ctx, b, kind, begun)
		for _, c := range found {
			if word := strings.TrimSuffix(c.Text+"\t"+out.Safe(c.Description), "\t"); c.Text != "" && out.Safe(c.Text) == c.Text {
				list = append(list, word)
			}
		}
		return err
	})
	slices.Sort(list)
	return slices.Compact(list)
}
