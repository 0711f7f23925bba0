package settings

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/graph"
)

// EnvFileFlag names a file of variables.
const EnvFileFlag = "env-file"

// signInVariables are those that config show shows: they say who signs in, and
// with what.
var signInVariables = []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_SECRET_FILE",
	"AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE", "AZURE_USERNAME", "AZURE_PASSWORD",
	"AZURE_FEDERATED_TOKEN_FILE", "LICTRAIL_ACCESS_TOKEN", "LICTRAIL_ACCESS_TOKEN_FILE", "LICTRAIL_ACTIVITY_TOKEN", "LICTRAIL_ACTIVITY_TOKEN_FILE"}

// places are the variables of Microsoft's tools that say where and how to sign
// in, and not as whom.
var places = []string{graph.AuthorityVariable, graph.ChainVariable}

// families are how the names of variables begin that a platform hands its own
// identity with.
var families = []string{"IDENTITY_", "MSI_", "IMDS_", "ACTIONS_ID_TOKEN_"}

// signsIn reports whether a variable of this name may be part of a sign-in. Every
// variable of Microsoft's tools and of lictrail is, unless it is known to be none:
// one that sets another flag than those of the sign-in, or names a receiver of
// messages.
func (s *Settings) signsIn(name string) bool {
	name = strings.ToUpper(name) // as Windows has it
	switch {
	case strings.HasPrefix(name, "AZURE_"):
		return !slices.Contains(places, name)
	case strings.HasPrefix(name, "LICTRAIL_"):
		return !slices.Contains(notify.Variables(), name) && !s.flagVariables()[name]
	}
	return slices.ContainsFunc(families, func(f string) bool { return strings.HasPrefix(name, f) })
}

// variablesOf are the variables that set the flags of a command and those below it,
// but for those of the sign-in.
func variablesOf(root *cobra.Command) map[string]bool {
	found := map[string]bool{PathVariable: true}
	var note func(c *cobra.Command)
	note = func(c *cobra.Command) {
		for _, name := range flagNames(c) {
			if _, in := signInFlags[name]; !in {
				found[VariableOf(name)] = true
			}
		}
		for _, sub := range c.Commands() {
			note(sub)
		}
	}
	note(root)
	return found
}

// ownerOf is the tenant whose variable this is alone: that of the longest prefix
// that fits; nil where it is nobody's.
func (s *Settings) ownerOf(name string) *config.Tenant {
	var owner *config.Tenant
	if s.File == nil {
		return nil
	}
	for i := range s.File.Tenants {
		t := &s.File.Tenants[i]
		if t.EnvPrefix != "" && strings.HasPrefix(name, t.EnvPrefix) && (owner == nil || len(t.EnvPrefix) > len(owner.EnvPrefix)) {
			owner = t
		}
	}
	return owner
}

// hidden reports whether a variable of the environment, or of a file for all
// tenants, is to be unknown to a tenant: it is another tenant's alone, or this
// tenant has variables of its own and it is part of a sign-in.
func (s *Settings) hidden(t *config.Tenant, name string) bool {
	if owner := s.ownerOf(name); owner != nil {
		return owner.EnvPrefix != t.EnvPrefix
	}
	_, ownFile := t.Values[EnvFileFlag]
	return (ownFile || t.EnvPrefix != "") && s.signsIn(name)
}

// Variables returns the environment as this execution sees it: a file of
// variables beats the environment. A tenant may have variables of its own, by
// their prefix or in a file of its own, and then sees none by which somebody else
// would sign in. Microsoft's library, and the programs that it starts, look at
// the environment itself, so that the process gets what differs as well.
func (s *Settings) Variables(envFile string) (func(string) string, error) {
	said := map[string]string{}
	if envFile != "" {
		var err error
		if said, err = readVariables(envFile); err != nil {
			return nil, err
		}
	}
	getenv := s.getenv
	seen := s.See(getenv, said)
	names := slices.Concat(signInVariables, slices.Collect(maps.Keys(said)))
	if s.Tenant != nil {
		for _, variable := range os.Environ() {
			name, _, _ := strings.Cut(variable, "=")
			names = append(names, name)
		}
	}
	for _, name := range names {
		switch value := seen(name); {
		case value == getenv(name):
		case value == "":
			if err := os.Unsetenv(name); err != nil {
				return nil, fmt.Errorf("unset the variable %s: %w", name, err)
			}
		default:
			if err := os.Setenv(name, value); err != nil {
				return nil, fmt.Errorf("set the variable %s: %w", name, err)
			}
		}
	}
	s.getenv = seen
	return seen, nil
}

// See is the environment with what a file says, as the chosen tenant sees it.
func (s *Settings) See(getenv func(string) string, said map[string]string) func(string) string {
	given := func(name string) string {
		if v, ok := said[name]; ok {
			return v
		}
		return getenv(name)
	}
	tenant := s.Tenant
	if tenant == nil {
		return given
	}
	_, ownFile := tenant.Values[EnvFileFlag]
	s.own = func(name string) (value, called string) {
		if prefixed := tenant.EnvPrefix + name; tenant.EnvPrefix != "" && given(prefixed) != "" {
			return given(prefixed), prefixed
		}
		if value, ok := said[name]; ok && ownFile {
			return value, name
		}
		return "", ""
	}
	return func(name string) string {
		table := map[string]string{graph.TenantVariable: "tenant", graph.ClientVariable: "client-id"}[name]
		v, inTable := tenant.Values[table]
		mine, called := s.own(name)
		switch {
		case inTable:
			return v.Text()
		case called != "":
			return mine
		case s.hidden(tenant, name):
			return ""
		}
		return given(name)
	}
}

// variableName is what a variable may be called.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readVariables reads lines such as NAME=value, as systemd and Docker take them:
// with # before comments, quotes around a value or not, and no expansion. What
// stands in the file is a secret: no error quotes it.
func readVariables(path string) (map[string]string, error) {
	data, err := input.Read(path, input.Secret, maxVariables)
	if err != nil {
		return nil, exit.Input("the file of variables", "--"+EnvFileFlag+" FILE", err)
	}
	set := map[string]string{}
	for i, line := range strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || !variableName.MatchString(name) {
			return nil, exit.Usage(fmt.Sprintf("%s, line %d: not of the form NAME=value", path, i+1), "AZURE_CLIENT_SECRET=...")
		}
		if value, ok = unquoted(value); !ok {
			return nil, exit.Usage(fmt.Sprintf("%s, line %d: the value of %s begins with a quote and does not end with it", path, i+1, name),
				"close the quote; a value that itself has quotes stands between those of the other kind: "+name+"='\"...'")
		}
		set[name] = value
	}
	return set, nil
}

// unquoted takes the quotes off a value; ok is false when they are not closed.
func unquoted(value string) (text string, ok bool) {
	if value == "" || value[0] != '"' && value[0] != '\'' {
		return value, true
	}
	text, ok = strings.CutSuffix(value[1:], value[:1])
	return text, ok
}

// maxVariables is more than any file of variables has.
const maxVariables = 1 << 20

// Environment leaves out what a tenant is not to know.
func (s *Settings) Environment(own *config.Tenant) []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return s.hidden(own, name)
	})
}
