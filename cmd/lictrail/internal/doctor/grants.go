package doctor

import (
	"fmt"
	"slices"
	"strings"

	"lictrail/graph"
	"lictrail/snapshot"
)

// Grant is what one feature needs of one API.
type Grant struct {
	Feature   graph.Feature
	API       graph.API
	Roles     []string
	Delegated []string
	Reads     []string
	Chosen    bool
}

// Grants are the least permissions of each feature.
func Grants(chosen []graph.Feature) []Grant {
	var all []Grant
	for _, f := range graph.Features {
		g := Grant{Feature: f, Chosen: slices.Contains(chosen, f)}
		for _, p := range graph.Permissions() {
			if p.Feature != f {
				continue
			}
			g.API = p.API
			g.Roles = append(g.Roles, p.Roles...)
			g.Delegated = append(g.Delegated, p.Delegated)
			g.Reads = append(g.Reads, p.Op)
		}
		for _, list := range []*[]string{&g.Roles, &g.Delegated} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
		all = append(all, g)
	}
	return all
}

// wantedRoles are the permissions of the chosen features, each once, by API.
func wantedRoles(all []Grant) []Grant {
	var apis []Grant
	for _, g := range all {
		if !g.Chosen {
			continue
		}
		i := slices.IndexFunc(apis, func(a Grant) bool { return a.API == g.API })
		if i < 0 {
			apis = append(apis, Grant{API: g.API})
			i = len(apis) - 1
		}
		apis[i].Roles = append(apis[i].Roles, g.Roles...)
	}
	for i := range apis {
		slices.Sort(apis[i].Roles)
		apis[i].Roles = slices.Compact(apis[i].Roles)
	}
	return apis
}

// Commands are two scripts that grant what is chosen, for the Azure CLI and for
// Microsoft Graph PowerShell. app is the application's id; "" makes a new one.
func Commands(app, cloud string, all []Grant) []string {
	s := setUp{app: snapshot.NormalID(app), cloud: cloud, apis: wantedRoles(all)}
	return []string{s.azureCLI(), s.powerShell()}
}

// setUp writes commands that make an application, or complete one. The ids of
// permissions are looked up by their names when the commands run: names are what
// a person can check. What is put into the commands are GUIDs and names of our own.
type setUp struct {
	app   string // "": a new one
	cloud string
	apis  []Grant
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
		for _, role := range a.Roles {
			fmt.Fprintf(&b, "add %s %s\n", a.API.AppID, role)
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
		fmt.Fprintf(&b, "  '%s' =\n    '%s'\n", a.API.AppID, strings.Join(a.Roles, "',\n    '"))
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

// SignIn are the steps that follow, for the same two tools: a certificate or a
// secret, where it belongs, and the first run.
func SignIn(app, cloud string) []string {
	id, tenant := snapshot.NormalID(app), "as printed above"
	if id == "" {
		id = tenant
	}
	more := ""
	if cloud != "" && cloud != "global" {
		more = " --cloud " + cloud
	}
	return []string{fmt.Sprintf(signInPOSIX, id, tenant, more), fmt.Sprintf(signInPowerShell, id, tenant, more), whereSecrets}
}

const signInPOSIX = `# Then a certificate, on the machine that will run sync, in sh or bash
AZURE_CLIENT_ID='%[1]s'
AZURE_TENANT_ID='%[2]s'
cert=$(lictrail setup certificate)
az ad app credential reset --id "$AZURE_CLIENT_ID" --append \
  --cert "@${cert%%.pem}.crt" --output none
# or, instead of a certificate, a secret, which only you can read
(umask 077 && mkdir -p ~/.config/lictrail &&
  secret=$(az ad app credential reset --id "$AZURE_CLIENT_ID" --append \
    --display-name lictrail --query password --output tsv) &&
  echo "AZURE_CLIENT_SECRET=$secret" >>~/.config/lictrail/lictrail.env)
# and the first run; for a secret with --env-file ~/.config/lictrail/lictrail.env
lictrail sync%[3]s --tenant "$AZURE_TENANT_ID" --client-id "$AZURE_CLIENT_ID" \
  --certificate "$cert"
`

const signInPowerShell = `# The same in PowerShell
$id = '%[1]s'
$tenant = '%[2]s'
$cert = lictrail setup certificate
& {
$ErrorActionPreference = 'Stop'
$app = Get-MgApplication -Filter "appId eq '$id'"
if ($app.KeyCredentials) {
  throw 'it has certificates: upload lictrail.crt in the Entra admin center' }
$public = [Security.Cryptography.X509Certificates.X509Certificate2]::new(
  ($cert -replace 'pem$', 'crt'))
Update-MgApplication -ApplicationId $app.Id -KeyCredentials @(@{
  Type = 'AsymmetricX509Cert'; Usage = 'Verify'; Key = $public.RawData })
}
# or, instead of a certificate, a secret, which only you can read
& {
$app = Get-MgApplication -Filter "appId eq '$id'"
$secret = Add-MgApplicationPassword -ApplicationId $app.Id
$file = "$env:APPDATA\lictrail\lictrail.env"
$null = New-Item -ItemType Directory -Force (Split-Path $file)
if (-not (Test-Path $file)) { $null = New-Item $file }
icacls $file /inheritance:r /grant:r "${env:USERNAME}:F"
"AZURE_CLIENT_SECRET=$($secret.SecretText)" | Add-Content -Encoding ascii $file
}
# and the first run
lictrail sync%[3]s --tenant $tenant --client-id $id --certificate $cert
`

const whereSecrets = `# Where certificate and file of variables belong; nobody else may read them
#   by hand, cron  ~/.config/lictrail, on Windows $env:APPDATA\lictrail
#   systemd        a folder of root's, such as /etc/lictrail: the unit of
#                  lictrail schedule systemd hands copies to the service
#   Windows task   C:\ProgramData\lictrail, made for LOCAL SERVICE as the first
#                  lines of lictrail schedule windows say
# The settings go into config.toml: lictrail setup asks for all of this step by
# step, shows each command before it runs, and writes the schedule too.
`

// quotePOSIX quotes a word for a POSIX shell.
func quotePOSIX(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
