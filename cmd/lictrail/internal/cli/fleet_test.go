package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lictrail/cmd/lictrail/internal/settings"
)

// fleetOfFour has tenants with a prefix, with a prefix that begins with another's,
// with a file of their own, and with nothing of their own.
func fleetOfFour(t *testing.T) *settings.Settings {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleet.toml")
	text := `
[[tenant]]
name = "contoso"
env-prefix = "CONTOSO_"
db = "contoso.db"
[[tenant]]
name = "eu"
env-prefix = "CONTOSO_EU_"
db = "eu.db"
[[tenant]]
name = "file"
env-file = "own.env"
db = "file.db"
[[tenant]]
name = "none"
db = "none.db"
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := settings.Load(path, true, os.Getenv, Root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestP22_FleetSecrets: a tenant with variables of its own sees none of the
// environment's that may be part of a sign-in, not even one that nobody knows yet;
// and no tenant sees another's.
func TestP22_FleetSecrets(t *testing.T) {
	variables, leaks := 0, 0
	for _, c := range []struct{ name, seenBy string }{
		{"CONTOSO_AZURE_CLIENT_SECRET", "contoso"},
		{"CONTOSO_EU_AZURE_CLIENT_SECRET", "eu"},
		{"AZURE_CLIENT_SECRET", "none"},
		{"AZURE_CLIENT_SECRET_FILE", "none"},
		{"AZURE_CLIENT_CERTIFICATE_PATH", "none"},
		{"AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE", "none"},
		{"AZURE_FEDERATED_TOKEN_FILE", "none"},
		{"AZURE_TENANT_ID", "none"},
		{"AZURE_CONFIG_DIR", "none"},
		{"AZURE_SOMETHING_NEW", "none"},
		{"LICTRAIL_ACCESS_TOKEN", "none"},
		{"LICTRAIL_ACCESS_TOKEN_FILE", "none"},
		{"LICTRAIL_ACTIVITY_TOKEN_FILE", "none"},
		{"LICTRAIL_CERTIFICATE", "none"},
		{"LICTRAIL_CLIENT_ID", "none"},
		{"LICTRAIL_SOMETHING_NEW", "none"},
		{"IDENTITY_HEADER", "none"},
		{"MSI_SECRET", "none"},
		{"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "none"},
		{"AZURE_AUTHORITY_HOST", "contoso eu file none"},
		{"AZURE_TOKEN_CREDENTIALS", "contoso eu file none"},
		{"LICTRAIL_PATIENCE", "contoso eu file none"},
		{"LICTRAIL_ACTIVITY", "contoso eu file none"},
		{"LICTRAIL_CONFIG", "contoso eu file none"},
		{"LICTRAIL_ENV_FILE", "contoso eu file none"},
		{"LICTRAIL_SLACK_URL", "contoso eu file none"},
		{"LICTRAIL_SMTP_PASSWORD_FILE", "contoso eu file none"},
		{"NOBODYS_VARIABLE", "contoso eu file none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(c.name, "x")
			s := fleetOfFour(t)
			var handed, seen []string
			for i := range s.File.Tenants {
				s.Tenant = &s.File.Tenants[i]
				if slices.Contains(s.Environment(s.Tenant), c.name+"=x") {
					handed = append(handed, s.Tenant.Name)
				}
				if s.See(os.Getenv, nil)(c.name) != "" {
					seen = append(seen, s.Tenant.Name)
				}
			}
			variables++
			for how, names := range map[string][]string{"handed to": handed, "seen by": seen} {
				if got := strings.Join(names, " "); got != c.seenBy {
					leaks++
					t.Errorf("%s is %s %q, want %q", c.name, how, got, c.seenBy)
				}
			}
		})
	}
	t.Logf("P22: %d variables, 4 tenants: %d seen or handed on wrongly", variables, leaks)
}
