package cli

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/input"
)

// envFileFlag names a file of variables.
const envFileFlag = "env-file"

// signInVariables are those that say who signs in, and with what.
var signInVariables = []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
	"AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_USERNAME", "AZURE_PASSWORD",
	"AZURE_FEDERATED_TOKEN_FILE", "LICTRAIL_ACCESS_TOKEN", "LICTRAIL_ACTIVITY_TOKEN"}

// ofMachine are those of them that are the machine's rather than a tenant's.
var ofMachine = []string{"AZURE_FEDERATED_TOKEN_FILE"}

// variables returns the environment as this execution sees it: a file of
// variables beats the environment. A tenant may have variables of its own, by
// their prefix or in a file of its own, and then sees none by which another
// tenant would sign in. Microsoft's library looks at the environment itself, so
// that the process gets what differs as well.
func (e *env) variables() (func(string) string, error) {
	getenv, tenant := e.getenv, e.settings.tenant
	said, own := map[string]string{}, false // own: the file is the tenant's alone
	if e.envFile != "" {
		var err error
		if said, err = readVariables(e.envFile); err != nil {
			return nil, err
		}
	}
	given := func(name string) string {
		if v, ok := said[name]; ok {
			return v
		}
		return getenv(name)
	}
	seen := given
	if tenant != nil {
		_, own = tenant.Values[envFileFlag]
		e.settings.own = func(name string) (value, called string) {
			if prefixed := tenant.EnvPrefix + name; tenant.EnvPrefix != "" && given(prefixed) != "" {
				return given(prefixed), prefixed
			}
			if value, ok := said[name]; ok && own {
				return value, name
			}
			return "", ""
		}
		seen = func(name string) string {
			table := map[string]string{"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client-id"}[name]
			v, inTable := tenant.Values[table]
			mine, called := e.settings.own(name)
			switch {
			case inTable:
				return v.Text()
			case called != "":
				return mine
			case (own || tenant.EnvPrefix != "") && slices.Contains(signInVariables, name) && !slices.Contains(ofMachine, name):
				return ""
			}
			return given(name)
		}
	}
	names := slices.Clone(signInVariables)
	for name := range said {
		names = append(names, name)
	}
	for _, name := range names {
		if seen(name) == getenv(name) {
			continue
		}
		if err := os.Setenv(name, seen(name)); err != nil {
			return nil, fmt.Errorf("set the variable %s: %w", name, err)
		}
	}
	return seen, nil
}

// variableName is what a variable may be called.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readVariables reads lines such as NAME=value, as systemd and Docker take them:
// with # before comments, quotes around a value or not, and no expansion. What
// stands in the file is a secret: no error quotes it.
func readVariables(path string) (map[string]string, error) {
	data, err := readInput("the file of variables", path, input.Secret, maxVariables, "--"+envFileFlag+" FILE")
	if err != nil {
		return nil, err
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
			return nil, usage(fmt.Sprintf("%s, line %d: not of the form NAME=value", path, i+1), "AZURE_CLIENT_SECRET=...")
		}
		if value, ok = unquoted(value); !ok {
			return nil, usage(fmt.Sprintf("%s, line %d: the value of %s begins with a quote and does not end with it", path, i+1, name),
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
