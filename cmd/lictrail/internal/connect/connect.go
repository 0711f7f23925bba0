// Package connect says which tenant to read and how to sign in: the flags of that,
// and the clients of package graph that they make, which package track reads with.
package connect

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/snapshot"
)

// globalCloud is the cloud of a tenant that says nothing else.
const globalCloud = "global"

// Host is what a connection needs of the program: its variables, a way to ask a
// person to sign in, and its version, which Graph is sent.
type Host struct {
	Getenv  func(string) string
	Ask     func(string)
	Version string
}

// Connection says which tenant to read and how to sign in. Secrets come from
// the environment, never from flags: flags show in process lists.
type Connection struct {
	Tenant, ClientID, Auth, Cloud string
	Certificate                   string
	Endpoint, AuthorityHost       string
	ActivityEndpoint              string
	Patience                      time.Duration
	CloudLicensing                bool     // read what the cloud licensing API shows as well
	Attributes                    []string // of users to read as well: see [snapshot.KeptNames]
	Partitions                    string   // of the users, that are read at a time: a number, or auto

	credential graph.Credential       // made once: a person signs in once for all services
	clients    []interface{ Close() } // made so far
}

func (c *Connection) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&c.Tenant, "tenant", "", "tenant `id`; a run that meets another tenant is refused. A domain name serves for signing in only")
	f.StringVar(&c.ClientID, "client-id", "", "application `id` to sign in as")
	f.StringVar(&c.Auth, "auth", "default", "how to sign in (docs/sign-in.md), one `kind` of: "+strings.Join(graph.CredentialKinds(), ", "))
	f.StringVar(&c.Certificate, "certificate", "", "PEM or PFX `file` of the application's certificate and key, or on Windows Cert:\\LocalMachine\\My\\THUMBPRINT (default $AZURE_CLIENT_CERTIFICATE_PATH)")
	f.StringVar(&c.Cloud, "cloud", globalCloud, "one of Microsoft's `clouds`: global, usgov, dod or china")
	f.StringVar(&c.Endpoint, "graph-endpoint", "", "root `URL` of Graph, if not the cloud's own")
	f.StringVar(&c.ActivityEndpoint, "activity-endpoint", "", "root `URL` of the Management Activity API, if not the cloud's own; GCC tenants have https://manage-gcc.office.com")
	f.StringVar(&c.AuthorityHost, "authority-host", "", "`URL` that issues tokens, if not the cloud's own (default $AZURE_AUTHORITY_HOST, unless --cloud names a cloud)")
	f.DurationVar(&c.Patience, "patience", 10*time.Minute, "how long a command may go without progress, through throttling and outages, before it gives up")
}

// Where returns the cloud's addresses, with those that the flags name instead.
func (c *Connection) Where(h Host) (graph.Cloud, error) {
	cloud, err := graph.CloudByName(c.Cloud)
	if err != nil {
		return cloud, exit.Usage(err.Error(), "--cloud global")
	}
	if c.Endpoint != "" {
		cloud = cloud.At(strings.TrimSuffix(strings.TrimSuffix(c.Endpoint, "/"), "/v1.0"))
	}
	if c.AuthorityHost == "" && c.Cloud == globalCloud {
		c.AuthorityHost = h.Getenv(graph.AuthorityVariable)
	}
	if c.AuthorityHost != "" {
		if err := graph.CheckAuthority(c.AuthorityHost); err != nil {
			return cloud, exit.Usage(err.Error(), "--authority-host https://login.contoso.com")
		}
	}
	cloud.AuthorityHost = cmp.Or(c.AuthorityHost, cloud.AuthorityHost)
	cloud.ActivityEndpoint = cmp.Or(c.ActivityEndpoint, cloud.ActivityEndpoint)
	return cloud, nil
}

// options are those of a client of one service. It contacts no host.
func (c *Connection) options(h Host, cloud graph.Cloud, endpoint, tokenVariable string, progress func(graph.Progress)) (graph.Options, error) {
	credential, err := c.signIn(h, cloud, tokenVariable)
	return graph.Options{
		Endpoint: endpoint, Cloud: cloud, Credential: credential, Patience: c.Patience, Version: h.Version, Progress: progress,
		Unpaced: strings.HasPrefix(endpoint, "http://"), // this machine: a simulated tenant
	}, err
}

// signIn makes the credential, of which only a ready token serves one service.
func (c *Connection) signIn(h Host, cloud graph.Cloud, tokenVariable string) (graph.Credential, error) {
	if c.credential != nil && c.Auth != "token" {
		return c.credential, nil
	}
	credential, err := graph.NewCredential(c.Auth, graph.CredentialOptions{
		TenantID: cmp.Or(c.Tenant, h.Getenv(graph.TenantVariable)), ClientID: cmp.Or(c.ClientID, h.Getenv(graph.ClientVariable)),
		Certificate: c.Certificate, AuthorityHost: cloud.AuthorityHost, Getenv: h.Getenv, TokenVariable: tokenVariable, Prompt: h.Ask, ReadFile: readCredential,
	})
	c.credential = credential
	return credential, err
}

// maxCredential is more than a key with its chain of certificates has.
const maxCredential = 1 << 20

// readCredential reads a file for a sign-in.
func readCredential(path string, secret bool) ([]byte, error) {
	care := input.Trusted
	if secret {
		care = input.Secret
	}
	return input.Read(path, care, maxCredential)
}

// authoritiesVariable names a file that the standard library reads when it first
// needs the certificates of authorities, and waits for if it is a pipe.
const authoritiesVariable = "SSL_CERT_FILE"

func checkAuthorities(h Host) error {
	path := h.Getenv(authoritiesVariable)
	if path == "" {
		return nil
	}
	f, err := input.Open(path, input.Plain)
	if err != nil {
		return exit.Input("the file that "+authoritiesVariable+" names,", "name a file of certificates, or unset "+authoritiesVariable, err)
	}
	return f.Close()
}

// checkAuth refuses kinds of sign-in that there are not.
func (c *Connection) checkAuth() error {
	switch {
	case !slices.Contains(graph.CredentialKinds(), c.Auth):
		return exit.Usage(fmt.Sprintf("unknown kind of sign-in %q", c.Auth), "--auth with one of: "+strings.Join(graph.CredentialKinds(), ", "))
	case c.Certificate != "" && c.Auth != "certificate" && c.Auth != "default":
		return exit.Usage("--certificate does not go with --auth "+c.Auth, "--auth certificate")
	}
	return nil
}

// tenantDomain is a domain name, or one of the words that stand for whichever
// tenant a person signs in to.
var tenantDomain = regexp.MustCompile(`(?i)^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+|organizations|common)$`)

// checkTenant refuses what can be no tenant: it would become part of an address.
func (c *Connection) checkTenant(h Host) error {
	from, tenant := "--tenant", c.Tenant
	if tenant == "" {
		from, tenant = graph.TenantVariable, h.Getenv(graph.TenantVariable)
	}
	if tenant == "" || snapshot.IsGUID(tenant) || tenantDomain.MatchString(tenant) {
		return nil
	}
	return exit.Usage(fmt.Sprintf("%s %q is neither a tenant's id nor a domain name", from, tenant),
		"the tenant's id, such as 72f988bf-86f1-41af-91ab-2d7cd011db47, or one of its domains, such as contoso.onmicrosoft.com")
}

// Client makes the Graph client. It contacts no host.
func (c *Connection) Client(h Host, progress func(graph.Progress)) (*graph.Client, error) {
	cloud, err := c.Where(h)
	if err != nil {
		return nil, err
	}
	if err := c.checkAuth(); err != nil {
		return nil, err
	}
	if err := c.checkTenant(h); err != nil {
		return nil, err
	}
	if err := checkAuthorities(h); err != nil {
		return nil, err
	}
	if c.Patience <= 0 {
		return nil, exit.Usage("--patience must be more than nothing", "--patience 10m")
	}
	o, err := c.options(h, cloud, cloud.Endpoint, "", progress)
	if err != nil {
		return nil, err
	}
	if o.Keep, err = c.kept(); err != nil {
		return nil, err
	}
	if o.Partitions, err = c.partitions(); err != nil {
		return nil, err
	}
	client, err := graph.New(o)
	if err != nil {
		return nil, exit.Usage(err.Error(), "an https address, or http on this machine, such as http://127.0.0.1:8080/v1.0")
	}
	c.clients = append(c.clients, client)
	return client, nil
}

// kept are the attributes of users to read as well, in an order of their own: it
// decides whether a row that comes again is known.
func (c *Connection) kept() ([]string, error) {
	var names []string
	for _, word := range c.Attributes {
		name, ok := snapshot.KeptName(word)
		if !ok {
			return nil, exit.Usage(fmt.Sprintf("--attributes: there is no attribute %q to read", word),
				snapshot.KeptCostCenter+", "+snapshot.KeptDivision+", "+snapshot.KeptExtension+"1 to "+snapshot.KeptExtension+"15; the others are read always")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// partitions is how many partitions of the users are read at a time.
func (c *Connection) partitions() (int, error) {
	switch n, err := strconv.Atoi(c.Partitions); {
	case c.Partitions == "":
		return 0, nil
	case c.Partitions == "auto":
		return graph.AutoPartitions, nil
	case err == nil && n >= 1 && n <= graph.MaxPartitions:
		return n, nil
	}
	return 0, exit.Usage(fmt.Sprintf("--partitions %q is neither auto nor a number from 1 to %d", c.Partitions, graph.MaxPartitions), "--partitions auto")
}

// Close closes the clients that were made.
func (c *Connection) Close() {
	for _, client := range c.clients {
		client.Close()
	}
}

// Prober makes a client that tries one read of each kind. It contacts no host.
func (c *Connection) Prober(h Host, cloud graph.Cloud, now func() time.Time, progress func(graph.Progress)) (*graph.Prober, error) {
	o, err := c.options(h, cloud, cloud.Endpoint, "", progress)
	if err != nil {
		return nil, err
	}
	o.Now = now
	prober, err := graph.NewProber(o)
	if err == nil {
		c.clients = append(c.clients, prober)
	}
	return prober, err
}

// Asked is the tenant that must answer. A domain name serves for signing in only:
// which tenant it belongs to is for the sign-in service to say.
func Asked(tenant string) snapshot.TenantID {
	if !snapshot.IsGUID(tenant) {
		return ""
	}
	return snapshot.NormalID(snapshot.TenantID(tenant))
}

// Progress draws what the client does.
func Progress(p *out.Progress) func(graph.Progress) {
	var op string
	var rows int
	return func(g graph.Progress) {
		if g.Op != op {
			op, rows = g.Op, 0
		}
		if !g.Until.IsZero() {
			p.Wait(time.Until(g.Until), fmt.Sprintf("%s (attempt %d)", g.Reason, g.Attempts))
		}
		if g.Rows > rows {
			p.Add(g.Rows - rows)
			rows = g.Rows
		}
	}
}
