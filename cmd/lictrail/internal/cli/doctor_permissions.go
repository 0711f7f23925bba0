package cli

import (
	"fmt"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// grant is what one feature needs of one API.
type grant struct {
	feature   graph.Feature
	api       graph.API
	roles     []string
	delegated []string
	reads     []string
	chosen    bool
	goesOn    bool // the row before has the feature
}

// grants are the least permissions of each feature.
func grants(chosen []graph.Feature) []grant {
	var all []grant
	for _, f := range graph.Features {
		g := grant{feature: f, chosen: slices.Contains(chosen, f)}
		for _, p := range graph.Permissions() {
			if p.Feature != f {
				continue
			}
			g.api = p.API
			g.roles = append(g.roles, p.Roles...)
			g.delegated = append(g.delegated, p.Delegated)
			g.reads = append(g.reads, p.Op)
		}
		for _, list := range []*[]string{&g.roles, &g.delegated} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
		all = append(all, g)
	}
	return all
}

type grantJSON struct {
	Feature     string   `json:"feature"`
	Chosen      bool     `json:"chosen"`
	API         string   `json:"api"`
	APIID       string   `json:"api_id"`
	Application []string `json:"application"`
	Delegated   []string `json:"delegated"`
	Reads       []string `json:"reads"`
}

// printPermissions prints what to grant, and how. It asks nobody.
func printPermissions(e *env, o doctorOptions, features []graph.Feature) error {
	cloud, err := o.Where(e.host())
	if err != nil {
		return err
	}
	if o.ClientID != "" && !snapshot.IsGUID(o.ClientID) {
		return usage(fmt.Sprintf("--client-id %q is not an application id", o.ClientID), "the GUID that the Entra admin center calls Application (client) ID")
	}
	if len(features) == 0 {
		features = []graph.Feature{graph.FeatureBase, graph.FeatureGroups, graph.FeatureAudit}
	}
	chosen := []graph.Feature{graph.FeatureBase}
	for _, f := range features {
		if lacking := o.Lacks(f, cloud); lacking != nil {
			e.Warnf("%s is left out: %v", string(f), lacking)
			continue
		}
		chosen = append(chosen, f)
	}
	all := grants(chosen)
	rows := all
	if e.format == "text" {
		rows = aRoleEach(all)
	}
	type row = *grant
	unless := func(goesOn bool, value any) any {
		if goesOn {
			return ""
		}
		return value
	}
	err = listing[row]{
		json: func(g row) any {
			return grantJSON{string(g.feature), g.chosen, g.api.Name, g.api.AppID, g.roles, g.delegated, g.reads}
		},
		columns: []column[row]{
			{Column: out.Column{Head: "FEATURE"}, csv: "feature", text: func(g row) any { return unless(g.goesOn, string(g.feature)) }},
			{Column: out.Column{Head: "CHOSEN"}, csv: "chosen", text: func(g row) any { return unless(g.goesOn, map[bool]any{true: "yes"}[g.chosen]) }, cell: func(g row) any { return g.chosen }},
			{Column: out.Column{Head: "API"}, csv: "api", text: func(g row) any { return unless(g.goesOn, g.api.Name) }},
			{csv: "api_id", cell: func(g row) any { return g.api.AppID }},
			{Column: out.Column{Head: "APPLICATION PERMISSIONS"}, csv: "application", text: func(g row) any { return strings.Join(g.roles, ", ") }},
			{csv: "delegated", cell: func(g row) any { return strings.Join(g.delegated, ", ") }},
			{csv: "reads", cell: func(g row) any { return strings.Join(g.reads, ", ") }},
		},
	}.print(e, names{h: &store.History{}}, each(rows))
	if err != nil || e.format != "text" {
		return err
	}
	s := setUp{app: snapshot.NormalID(o.ClientID), cloud: o.Cloud, apis: wantedRoles(all)}
	for _, text := range []string{s.azureCLI(), s.powerShell()} {
		if err := e.Printf("\n"); err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			if err := e.Printf("%s\n", strings.TrimSuffix(line, "\n")); err != nil {
				return err
			}
		}
	}
	return nil
}

// aRoleEach has a row for each permission: side by side they would be wider than
// a page.
func aRoleEach(all []grant) []grant {
	var rows []grant
	for _, g := range all {
		for i, role := range g.roles {
			row := g
			row.roles, row.goesOn = []string{role}, i > 0
			rows = append(rows, row)
		}
	}
	return rows
}

// wantedRoles are the permissions of the chosen features, each once, by API.
func wantedRoles(all []grant) []grant {
	var apis []grant
	for _, g := range all {
		if !g.chosen {
			continue
		}
		i := slices.IndexFunc(apis, func(a grant) bool { return a.api == g.api })
		if i < 0 {
			apis = append(apis, grant{api: g.api})
			i = len(apis) - 1
		}
		apis[i].roles = append(apis[i].roles, g.roles...)
	}
	for i := range apis {
		slices.Sort(apis[i].roles)
		apis[i].roles = slices.Compact(apis[i].roles)
	}
	return apis
}

// setUp writes commands that make an application, or complete one. The ids of
// permissions are looked up by their names when the commands run: names are what
// a person can check. What is put into the commands are GUIDs and names of our own.
type setUp struct {
	app   string // "": a new one
	cloud string
	apis  []grant
}

// environments are what the tools call Microsoft's clouds.
var environments = map[string]struct{ azure, graph string }{
	"usgov": {"AzureUSGovernment", "USGov"}, "dod": {"AzureUSGovernment", "USGovDoD"}, "china": {"AzureChinaCloud", "China"},
}

func (s setUp) azureCLI() string {
	var b strings.Builder
	b.WriteString("# Azure CLI, in sh or bash, signed in as an administrator who may consent\n(\nset -eu\n")
	if x, ok := environments[s.cloud]; ok {
		fmt.Fprintf(&b, "# az cloud set --name %s, and az login, come first\n", x.azure)
	}
	if s.app == "" {
		b.WriteString("app=$(az ad app create --display-name lictrail \\\n  --sign-in-audience AzureADMyOrg --query appId --output tsv)\n" +
			"az ad sp create --id \"$app\" --output none\n")
	} else {
		fmt.Fprintf(&b, "app=%s\n", quotePOSIX(s.app))
	}
	b.WriteString(`add() {
  role=$(az ad sp show --id "$1" --output tsv --query \
    "appRoles[?value=='$2' && contains(allowedMemberTypes, 'Application')].id")
  test -n "$role" || { echo "no application permission $2" >&2; exit 1; }
  az ad app permission add --id "$app" --api "$1" \
    --api-permissions "$role=Role"
}
`)
	for _, a := range s.apis {
		for _, role := range a.roles {
			fmt.Fprintf(&b, "add %s %s\n", a.api.AppID, role)
		}
	}
	b.WriteString(`az ad app permission admin-consent --id "$app"
echo "AZURE_CLIENT_ID=$app"
echo "AZURE_TENANT_ID=$(az account show --query tenantId --output tsv)"
)
`)
	return b.String()
}

func (s setUp) powerShell() string {
	var b strings.Builder
	b.WriteString("# Microsoft Graph PowerShell, by an administrator who may consent\n& {\n$ErrorActionPreference = 'Stop'\n")
	environment := ""
	if x, ok := environments[s.cloud]; ok {
		environment = " -Environment " + x.graph
	}
	fmt.Fprintf(&b, "Connect-MgGraph%s -NoWelcome `\n  -Scopes Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All\n", environment)
	b.WriteString("$wanted = @{\n")
	for _, a := range s.apis {
		fmt.Fprintf(&b, "  '%s' =\n    '%s'\n", a.api.AppID, strings.Join(a.roles, "',\n    '"))
	}
	b.WriteString("}\n")
	if s.app == "" {
		b.WriteString("$app = New-MgApplication -DisplayName lictrail `\n  -SignInAudience AzureADMyOrg\n$sp = New-MgServicePrincipal -AppId $app.AppId\n")
	} else {
		fmt.Fprintf(&b, "$sp = Get-MgServicePrincipal `\n  -Filter \"appId eq '%s'\"\n", s.app)
	}
	b.WriteString(`$held = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $sp.Id -All
$access = foreach ($api in $wanted.Keys) {
  $resource = Get-MgServicePrincipal -Filter "appId eq '$api'"
  $roles = foreach ($name in $wanted[$api]) {
    $role = $resource.AppRoles | Where-Object {
      $_.Value -eq $name -and $_.AllowedMemberTypes -contains 'Application' }
    if (-not $role) { throw "no application permission $name" }
    if ($held.AppRoleId -notcontains $role.Id) {
      $null = New-MgServicePrincipalAppRoleAssignment ` + "`" + `
        -ServicePrincipalId $sp.Id -PrincipalId $sp.Id ` + "`" + `
        -ResourceId $resource.Id -AppRoleId $role.Id
    }
    @{ Id = $role.Id; Type = 'Role' }
  }
  @{ ResourceAppId = $api; ResourceAccess = @($roles) }
}
`)
	if s.app == "" { // one that is there already may ask for more, and a managed identity has none
		b.WriteString("Update-MgApplication -ApplicationId $app.Id -RequiredResourceAccess @($access)\n")
	}
	b.WriteString(`"AZURE_CLIENT_ID=$($sp.AppId)"
"AZURE_TENANT_ID=$((Get-MgContext).TenantId)"
}
`)
	return b.String()
}

// quotePOSIX quotes a word for a POSIX shell.
func quotePOSIX(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
