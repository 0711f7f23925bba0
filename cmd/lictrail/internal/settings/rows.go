package settings

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Row is one setting as config show lists it.
type Row struct {
	Key, Value string
	From       Origin
}

// Rows are the settings of every command, then those of each command, then what
// the file says of tenants, then the variables for signing in.
func (s *Settings) Rows(cmd *cobra.Command, all bool) []Row {
	var rows []Row
	root := cmd.Root()
	common := shared(root)
	note := func(c *cobra.Command, f *pflag.Flag, key string, always bool) {
		v, from := s.Lookup(c, f)
		if always || from.Kind != FromDefault {
			rows = append(rows, Row{key, shown(f.Name, strings.Join(Beside(f, v.Texts, from), ",")), from})
		}
	}
	sync := CommandOf(root, []string{"sync"})
	flagsOf(sync, func(f *pflag.Flag) {
		if common[f.Name] {
			if own := cmd.Flags().Lookup(f.Name); own != nil {
				f = own // given to this command
			}
			note(sync, f, f.Name, true)
		}
	})
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if Takes(c) {
			prefix := strings.Join(CommandWords(c), ".") + "."
			flagsOf(c, func(f *pflag.Flag) {
				if !common[f.Name] && c != cmd {
					note(c, f, prefix+f.Name, all || c == sync)
				}
			})
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return append(append(rows, s.tenantRows()...), s.variableRows()...)
}

// flagsOf visits the flags of a command that settings may set, in order.
func flagsOf(c *cobra.Command, visit func(*pflag.Flag)) {
	for _, name := range slices.Sorted(slices.Values(flagNames(c))) {
		if !slices.Contains(FlagOnly, name) {
			visit(c.Flag(name))
		}
	}
}

func (s *Settings) tenantRows() []Row {
	if s.File == nil || s.Tenant != nil {
		return nil
	}
	var rows []Row
	for _, t := range s.File.Tenants {
		if t.EnvPrefix != "" {
			rows = append(rows, Row{"tenant." + t.Name + ".env-prefix", t.EnvPrefix, Origin{FromFile, s.Path, t.Line}})
		}
		for _, key := range slices.Sorted(maps.Keys(t.Values)) {
			v := t.Values[key]
			rows = append(rows, Row{"tenant." + t.Name + "." + key, shown(key, v.Text()), Origin{FromFile, s.Path, v.Line}})
		}
	}
	return rows
}

// variableRows are the variables for signing in that are set. Those that hold a
// secret show that they are there, and no more.
func (s *Settings) variableRows() []Row {
	var rows []Row
	for _, name := range signInVariables {
		value := s.getenv(name)
		switch {
		case value == "":
			continue
		case !slices.Contains([]string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"}, name):
			value = "(set)"
		}
		rows = append(rows, Row{name, value, Origin{Kind: FromVariable, Name: name}})
	}
	return rows
}

// shown is a value as it may be looked at: an address without what may be a
// secret in it, which is who signs in and, for a hook, all but the host.
func shown(key, value string) string {
	u, err := url.Parse(value)
	switch {
	case err != nil && strings.Contains(value, "://"):
		return "(not an address)" // it is not known which part of it is a secret
	case err != nil || u.Scheme == "" || u.Host == "":
		return value
	}
	if strings.Contains(key, "hook") || strings.Contains(key, "notify") {
		return fmt.Sprintf("%s://%s/...", u.Scheme, u.Host)
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
