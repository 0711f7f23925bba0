package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// maxClockOff is how far this machine's clock may be from Graph's.
const maxClockOff = 5 * time.Minute

// visit is the doctor's look at a tenant.
type visit struct {
	*doctor
	cloud  graph.Cloud
	prober *graph.Prober
	who    graph.Identity
	known  bool  // who is known
	away   error // why nothing more can be asked; nil when it can

	answered  snapshot.Tenant // by organization or SKUs
	permitted int             // of these two, those that could be read
	concealed *bool           // nil: no usage report was read
}

// remote checks the sign-in and what lies behind it. Its errors are wrong use.
func (d *doctor) remote(ctx context.Context) error {
	v := &visit{doctor: d}
	defer v.o.Connection.Close()
	if err := v.connect(); err != nil {
		return err
	}
	v.signIn(ctx)
	at := len(d.checks) // the tenant is reported before what it permits to read
	for _, p := range graph.Permissions() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if d.wanted(p.Feature) {
			v.try(ctx, p)
		}
	}
	tried := slices.Clone(d.checks[at:])
	d.checks = d.checks[:at]
	v.clock()
	v.reportTenant()
	d.checks = append(d.checks, tried...)
	v.kept()
	if d.wanted(graph.FeatureUsage) {
		v.names()
	}
	return nil
}

// connect makes the prober as sync makes its client. It contacts no host.
func (v *visit) connect() (err error) {
	if v.cloud, err = v.o.Connection.Where(v.o.Host); err != nil {
		return err
	}
	_, err = v.o.Connection.Client(v.o.Host, v.o.Progress)
	if errors.Is(err, exit.ErrUsage) {
		return err
	}
	if err == nil {
		v.prober, err = v.o.Connection.Prober(v.o.Host, v.cloud, v.o.Now, v.o.Progress)
	}
	v.away = err
	return nil
}

func (v *visit) signIn(ctx context.Context) {
	err := v.away
	early := err != nil
	if err == nil {
		v.who, v.known, err = v.prober.SignIn(ctx)
	}
	if err != nil {
		v.fail(checkSignIn, err)
		v.checks[len(v.checks)-1].early = early
		v.away = errors.New("not signed in")
		return
	}
	found := "auth " + v.o.Connection.Auth
	if !v.known {
		v.ok(checkSignIn, "%s; the token does not say whose it is", found)
		return
	}
	switch {
	case v.who.AppID == "":
	case v.who.AppOnly:
		found += ", as application " + v.who.AppID
	default:
		found += ", as a user through application " + v.who.AppID
	}
	found += ", tenant " + string(v.who.Tenant)
	if writes := v.writes(); len(writes) > 0 {
		v.warn(checkSignIn, "take from the application what lets it write: lictrail only reads, and somebody who got hold of its sign-in could do the rest",
			"%s; it may also write: %s", found, strings.Join(writes, ", "))
		return
	}
	v.ok(checkSignIn, "%s", found)
}

// writes are the permissions of an application that let it write. Those of a user
// belong to the program that the user signed in with, such as the Azure CLI.
func (v *visit) writes() []string {
	var writes []string
	for _, p := range v.who.Granted {
		if v.who.AppOnly && strings.Contains(p, "Write") {
			writes = append(writes, p)
		}
	}
	return writes
}

// try tries one permission by its call.
func (v *visit) try(ctx context.Context, p graph.Permission) {
	if lacking := v.cloud.Lacks(p.Feature); lacking != nil {
		v.row(p, Skipped, lacking.Error())
		return
	}
	if v.away != nil {
		v.row(p, Skipped, v.away.Error())
		return
	}
	if p.Feature == graph.FeatureFeed {
		v.tryFeed(ctx, p)
		return
	}
	found, err := v.prober.Probe(ctx, p.Op)
	switch {
	case errors.Is(err, graph.ErrUntried):
		v.row(p, Skipped, "no user is known to ask for")
	case p.Feature == graph.FeatureLicensing && graph.NotOffered(err):
		v.row(p, Skipped, "optional, and this tenant's Graph does not offer it")
	case err != nil:
		v.refused(p, err)
		if _, heard := v.prober.Clock(); !heard && errors.Is(err, graph.ErrUnavailable) {
			v.away = errors.New("no answer from Graph")
		}
	default:
		v.learn(p, found)
	}
}

// learn keeps what a read showed besides that it is permitted. The organization
// comes after the SKUs, and knows better.
func (v *visit) learn(p graph.Permission, found graph.Finding) {
	word := "permitted"
	if found.Empty {
		word += "; there is none in the tenant"
	}
	v.row(p, OK, word)
	if found.Tenant.ID != "" {
		v.answered = found.Tenant
	}
	switch p.Op {
	case checkSKUs:
		v.permitted++
	case checkOrganization:
		v.permitted++
		v.premium = &found.Premium
	case checkUsage:
		if !found.Empty {
			v.concealed = &found.Concealed
		}
	}
}

// tryFeed looks whether the feed is on, and does not turn it on.
func (v *visit) tryFeed(ctx context.Context, p graph.Permission) {
	tenant := cmp.Or(v.answered.ID, v.who.Tenant, connect.Asked(v.o.Connection.Tenant), v.database.ID)
	if tenant == "" {
		v.row(p, Skipped, "which tenant answers is not known")
		return
	}
	feed, err := v.o.Connection.Feed(v.o.Host, v.cloud, min(v.o.Connection.Patience, graph.ProbePatience), v.o.Progress)
	if err != nil {
		v.row(p, Skipped, err.Error()) // no token is set for it
		return
	}
	on, err := feed.Enabled(ctx, tenant)
	switch {
	case err != nil:
		v.refused(p, err)
	case on:
		v.row(p, OK, "permitted; the feed is on")
	default:
		v.row(p, OK, "permitted; the feed is off until sync --audit-source activity-api")
	}
}

func (v *visit) row(p graph.Permission, status, found string) {
	v.add(Check{Name: p.Op, Status: status, Found: found, Permission: &p})
}

// refused is the row of a read that failed.
func (v *visit) refused(p graph.Permission, err error) {
	c := Check{Name: p.Op, Status: Warning, Permission: &p, Found: err.Error(), Fix: hintFor(err)}
	var e *graph.Error
	if !errors.As(err, &e) {
		e = &graph.Error{}
	}
	denied := errors.Is(err, graph.ErrAuth) && e.Status != 0
	switch {
	case errors.Is(err, snapshot.ErrNoPremium):
		c.Status, c.Found, c.Fix = Skipped, "needs Entra ID P1 or P2, which the tenant does not have", ""
	case denied && (e.Status == http.StatusForbidden || e.Code == "AF10001"):
		c.Found = fmt.Sprintf("not permitted: HTTP %d %s", e.Status, e.Code)
		c.Paste = v.consent(p.Feature)
	case denied:
		c.Found = fmt.Sprintf("refused: HTTP %d %s", e.Status, e.Code)
	case e.Status != 0:
		c.Found = fmt.Sprintf("failed: HTTP %d %s", e.Status, e.Code)
	case errors.Is(err, graph.ErrUnavailable):
		c.Fix = "check the network, a proxy, --cloud and --graph-endpoint, or try again later"
	}
	c.Found = strings.TrimSpace(c.Found)
	if p.Feature == graph.FeatureLicensing {
		c.Found += "; optional: only sync --cloud-licensing reads it"
	}
	if p.Needed {
		c.Status, c.Err = Failed, err
	}
	v.add(c)
}

// consent is the command that shows how to give the application what a feature
// needs, and the address at which an administrator grants what the application's
// registration asks for: learn.microsoft.com/entra/identity-platform/v2-admin-consent.
func (v *visit) consent(f graph.Feature) []string {
	app := cmp.Or(v.who.AppID, v.o.Connection.ClientID, v.o.Host.Getenv("AZURE_CLIENT_ID"))
	if v.known && !v.who.AppOnly || !snapshot.IsGUID(app) {
		return nil
	}
	lines := []string{fmt.Sprintf("lictrail doctor --permissions --for %s --client-id %s", f, app)}
	tenant := cmp.Or(v.answered.ID, v.who.Tenant, connect.Asked(v.o.Connection.Tenant))
	if authority, err := url.Parse(v.cloud.AuthorityHost); err == nil && tenant != "" {
		lines = append(lines, authority.JoinPath(string(tenant), "adminconsent").String()+"?client_id="+app)
	}
	return lines
}

func (v *visit) clock() {
	const name = "clock"
	if v.prober == nil {
		v.skip(name, "not signed in")
		return
	}
	ahead, ok := v.prober.Clock()
	switch off := ahead.Abs().Round(time.Second); {
	case !ok:
		v.skip(name, "no answer has the time")
	case off > maxClockOff:
		word := "behind"
		if ahead < 0 {
			word = "ahead of"
		}
		v.warn(name, "set this machine's clock, best by NTP: sign-ins and certificates go by it. Runs keep Graph's time",
			"this machine's is %s %s Graph's", durationText(off), word)
	default:
		v.ok(name, "within %v of Graph's", max(off, time.Second))
	}
}

// reportTenant reports which tenant answered, and whether it is the right one.
func (v *visit) reportTenant() {
	t := v.answered
	if t.ID == "" && v.away == nil && v.permitted > 0 {
		t.ID = connect.Asked(v.o.Connection.Tenant) // as sync takes it
	}
	v.tenant = t
	asked := connect.Asked(v.o.Connection.Tenant)
	switch {
	case t.ID == "" && v.away != nil:
		v.skip(checkTenant, "%v", v.away)
	case t.ID == "" && v.permitted == 0:
		v.skip(checkTenant, "neither the organization nor the SKUs may be read")
	case t.ID == "":
		v.fail(checkTenant, fmt.Errorf("%w: neither the organization nor the SKUs name the tenant that answers", track.ErrImplausible))
	case asked != "" && asked != t.ID:
		v.fail(checkTenant, fmt.Errorf("%w: asked for %s, %s answered", track.ErrWrongTenant, asked, t.ID))
	case v.database.ID != "" && v.database.ID != t.ID:
		v.fail(checkTenant, fmt.Errorf("%w: it holds %s, %s answered", store.ErrOtherTenant, v.database.ID, t.ID))
	case v.database.ID != "":
		v.ok(checkTenant, "%s, that of the database", tenantName(t))
	default:
		v.ok(checkTenant, "%s", tenantName(t))
	}
}

func tenantName(t snapshot.Tenant) string {
	if t.Name == "" {
		return string(t.ID)
	}
	return fmt.Sprintf("%s (%s)", t.Name, t.ID)
}

// kept reports how long the tenant keeps its directory audit log.
func (v *visit) kept() {
	const name = "audit log kept"
	switch {
	case v.premium == nil:
		v.skip(name, "7 days, or 30 with Entra ID P1 or P2: the organization, which shows that, was not read")
	case *v.premium:
		v.ok(name, "30 days: the tenant has Entra ID P1 or P2")
	default:
		v.ok(name, "7 days: the tenant has no Entra ID P1 or P2; run sync every few days")
	}
}

// names reports whether usage reports name people.
func (v *visit) names() {
	const name = "names in reports"
	switch {
	case v.concealed == nil:
		v.skip(name, "no usage report was read")
	case *v.concealed:
		v.warn(name, "in the Microsoft 365 admin center, under Settings, Org settings, Services, Reports, clear \"Display concealed user, group, and site names in all reports\"; it shows in the next reports, within about two days. Until then usage reports tell lictrail nothing about anybody",
			"concealed: reports show pseudonyms")
	default:
		v.ok(name, "shown")
	}
}
