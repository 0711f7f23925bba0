package cli

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/xuri/excelize/v2"

	"lictrail/cmd/lictrail/internal/metrics/metricstest"
	"lictrail/cmd/lictrail/internal/process"
	"lictrail/graph/graphtest"
	"lictrail/graph/graphtest/exportfile"
	"lictrail/internal/golden"
	"lictrail/internal/private"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lictrail": func() { os.Exit(Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) },
		"stubborn": func() { os.Exit(stubborn()) },
		"sheet":    func() { os.Exit(printSheet(os.Args[1])) },
		"xdg-open": func() { os.Exit(openBrowser(os.Args[1])) },
	})
}

// TestScripts runs the real program against a simulated tenant, as the files
// in testdata say. Beside testscript's own commands they may use
//
//	tenant new [seed N] [free] [forbid SCOPE]...  start a tenant, and point $GRAPH, $ACTIVITY and the tokens at it
//	           [feed]                    its Management Activity API has been on for long
//	           [limit N]                 an audit search returns N records
//	           [unstable N]              the first N readings of a search leave records out
//	           [fates FATE,FATE...]      how its first searches end
//	           [unrelated]               the unified log has correlation ids of its own
//	           [authority]               its tokens come from an authority: see signin_script_test.go
//	tenant endsearches                   searches that ran for ever end
//	tenant stopfeed                      somebody turns the feed off
//	tenant day                           a day passes
//	tenant searches N                    so many searches were started
//	tenant fates FATE,FATE...            how searches end, from the first on
//	tenant tokens                        no service was ever shown the other's token
//	tenant permit                        every permission is granted
//	tenant hold ENDPOINT N               it answers N times, then hangs; file held then exists
//	tenant hire NAME DEPARTMENT          add a user; $NAME is the id, $NAME_upn the UPN
//	tenant guest NAME                    the same, a guest
//	tenant veteran NAME DEPARTMENT       the same, with an account too old to have a date
//	tenant assign|remove NAME SKU        as an administrator
//	tenant group NAME SKU [PLAN]...      a group that gives a SKU without the plans
//	tenant join|leave NAME GROUP
//	tenant department NAME DEPARTMENT
//	tenant attribute NAME FIELD VALUE    sets costCenter, division or an extensionAttribute
//	tenant plans NAME SKU                switches the SKU's first plan off
//	tenant off NAME SKU [PLAN]...        these plans of the SKU are off, and no other
//	tenant swap NAME SKU SKU             removes the one and assigns the other
//	tenant reset NAME                    Microsoft moves the user's dates
//	tenant newplan SKU                   Microsoft adds a plan to the SKU
//	tenant customer ID NAME              the tenant is a partner's, and this one of its customers
//	tenant leaves ID                     a customer ends the last relationship
//	tenant seats SKU N                   so many seats are bought in all
//	tenant exhaust NAME GROUP SKU        joins the group, which has no seat left
//	tenant lapse SKU                     the subscription goes one step on its way out
//	tenant delete|restore NAME
//	tenant rename NAME NEW
//	tenant week                          a week passes
//	tenant days N                        so many days pass
//	tenant signin|try NAME               signs in, or fails to
//	tenant use NAME WORKLOAD             such as Teams, as usage reports call it
//	tenant disable NAME
//	tenant conceal                       usage reports show pseudonyms from now on
//	tenant now                           the tenant's clock is set to this machine's
//	tenant gets                          nothing but GET was sent since the last time
//	tenant secrets                       fails if a token was sent to another host
//	tenant export FORMAT FILE            the audit log as an export (package exportfile)
//	tenant fault ENDPOINT PAGE KIND [once|forever] [QUERY]
//	tenant settlers N                    so many users, created over ten years
//	tenant freeze|thaw                   the index of advanced queries stays behind, or catches up
//	tenant heal                          no more faults
//	envsubst FILE                        replaces variables in the file
//	exec sheet FILE                      shows a workbook as text
//	exits CODE COMMAND...                the command ends with that exit code
//	metrics FILE [SAMPLE VALUE]...       it is in Prometheus' format; the samples, written
//	                                     without the tenant, have these values
//	logs FILE                            every line is a JSON object with time, level, msg
//	                                     and one run_id for all of them
//	flip FILE OLD NEW                    replaces bytes in the file by as many others
//	lock FILE                            another program writes to a database until the script ends
//	reader open|close FILE               another program reads a database until it is closed
//	own FILE...                          nobody but its owner may read the file any more
//	plant FILE SQL                       runs SQL on a database, as another program would
//
// and the condition [links].
func TestScripts(t *testing.T) {
	// Under nohup a hangup is ignored, by what is started here as well: a script
	// that hangs up would wait for ever. A signal that is asked for is no longer
	// ignored, and what is started gets its default.
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       golden.Update(),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LICTRAIL_DB", filepath.Join(e.WorkDir, "t.db"))
			e.Setenv("LICTRAIL_ACCESS_TOKEN", graphtest.DefaultToken)
			e.Setenv("LICTRAIL_ACTIVITY_TOKEN", graphtest.ActivityToken)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("APPDATA", filepath.Join(e.WorkDir, ".config"))
			e.Setenv("LOCALAPPDATA", filepath.Join(e.WorkDir, ".local", "share"))
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "links" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return links(t), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"tenant": tenantCommand,
			"inbox": inboxCommand, "envsubst": envsubstCommand, "exits": exitsCommand, "metrics": metricsCommand, "logs": logsCommand, "flip": flipCommand, "plant": plantCommand, "own": ownCommand, "authority": authorityCommand, "lock": lockCommand, "reader": readerCommand},
	})
}

// links reports whether symbolic links can be made here: Windows asks for a right, and
// Wine makes none and says that it did.
func links(t *testing.T) bool {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", link); err != nil {
		return false
	}
	_, err := os.Lstat(link)
	return err == nil
}

// ownCommand shuts files to others, as chmod 600 does where there is one.
func ownCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: own FILE...")
	}
	for _, name := range args {
		ts.Check(private.Restrict(ts.MkAbs(name)))
	}
}

// stubborn does not stop when it is asked to for the first time.
func stubborn() int {
	ctx, stop := process.Interruptible()
	defer stop()
	fmt.Println("begun")
	<-ctx.Done()
	fmt.Println("asked once")
	time.Sleep(time.Minute)
	return 0
}

// printSheet shows a workbook as text.
func printSheet(path string) int {
	text, err := sheetText(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Print(text)
	return 0
}

// sheetText is a workbook as text: its sheets, what stays in sight, its tables,
// and every cell with its type.
func sheetText(path string) (string, error) {
	f, err := excelize.OpenFile(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	for _, sheet := range f.GetSheetList() {
		panes, _ := f.GetPanes(sheet)
		tables, _ := f.GetTables(sheet)
		fmt.Fprintf(&b, "sheet %q, %d row in sight\n", sheet, panes.YSplit)
		for _, t := range tables {
			fmt.Fprintf(&b, "table %s with filters: %v\n", t.Range, t.ShowHeaderRow == nil || *t.ShowHeaderRow)
		}
		rows, err := f.GetRows(sheet)
		if err != nil {
			return "", err
		}
		for y, row := range rows {
			for x, value := range row {
				at, _ := excelize.CoordinatesToCellName(x+1, y+1)
				kind, _ := f.GetCellType(sheet, at)
				formula, _ := f.GetCellFormula(sheet, at)
				if value != "" {
					fmt.Fprintf(&b, "%s %s %s%s\n", at, cellTypes[kind], value, formula)
				}
			}
		}
	}
	return b.String(), nil
}

var cellTypes = map[excelize.CellType]string{excelize.CellTypeUnset: "number", excelize.CellTypeNumber: "number", excelize.CellTypeBool: "bool",
	excelize.CellTypeInlineString: "text", excelize.CellTypeSharedString: "text", excelize.CellTypeFormula: "FORMULA", excelize.CellTypeDate: "date", excelize.CellTypeError: "ERROR"}

// play is the tenant of one script.
type play struct {
	*graphtest.Tenant
	server *graphtest.Server
	*authorityPlay
	people map[string]string
	groups map[string]string
	held   string       // file that shows that an endpoint hangs
	pass   atomic.Int64 // requests to let pass before it does; see hold
	at     graphtest.Endpoint
}

var plays = map[string]*play{} // by working directory; scripts run one after another

// SKUs of simulated tenants.
const (
	e3    = "05e9a617-0261-4cee-bb44-138d3ef5d965" // SPE_E3
	e5    = "06ebc4ee-1bb5-47dd-8120-11324bc54e06" // SPE_E5
	ems   = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e" // EMS
	visio = "c5928f49-12ba-48f7-ada3-0d743a3601d5" // VISIOCLIENT
)

var skuIDs = map[string]string{"E3": e3, "E5": e5, "EMS": ems, "VISIO": visio, "COPILOT": graphtest.SKUCopilot, "FLOW": graphtest.SKUFlowFree}

func tenantCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: tenant COMMAND")
	}
	dir := ts.Getenv("WORK")
	if args[0] == "new" {
		plays[dir] = newPlay(ts, args[1:])
		return
	}
	p := plays[dir]
	if p == nil {
		ts.Fatalf("tenant new comes first")
	}
	ts.Check(p.act(ts, args[0], args[1:]))
}

func newPlay(ts *testscript.TestScript, args []string) *play {
	p := &play{Tenant: graphtest.New(uint64(len(plays) + 1)), people: map[string]string{}, groups: map[string]string{}}
	scopes := graphtest.AllScopes
	options := []graphtest.Option{graphtest.WithVaryingPages(), graphtest.WithEmptyPages(), graphtest.WithHook(p.hook)}
	p.held = filepath.Join(ts.Getenv("WORK"), "held")
	number := func(i int) int {
		n, err := strconv.Atoi(args[i])
		ts.Check(err)
		return n
	}
	for i, a := range args {
		switch a {
		case "seed": // for scripts that compare ids to the letter
			seed, err := strconv.ParseUint(args[i+1], 10, 64)
			ts.Check(err)
			p.Tenant = graphtest.New(seed)
		case "feed":
			options = append(options, graphtest.WithRunningFeed())
		case "limit":
			options = append(options, graphtest.WithSearchLimit(number(i+1)))
		case "unstable":
			options = append(options, graphtest.WithUnstableSearches(number(i+1)))
		case "fates":
			options = append(options, graphtest.WithSearchFates(strings.Split(args[i+1], ",")...))
		case "unrelated":
			p.UnrelatedLogs = true
		case "authority":
			options = append(options, graphtest.WithAuthority(p.newAuthority(ts)))
		case "free":
			p.Premium = false
		case "forbid":
			scopes = without(scopes, args[i+1])
		}
	}
	p.server = graphtest.NewServer(p.Tenant, append(options, graphtest.WithScopes(scopes...))...)
	base, err := p.server.Start()
	ts.Check(err)
	activity, err := p.server.StartActivity()
	ts.Check(err)
	ts.Setenv("ACTIVITY", activity)
	ts.Defer(func() { p.server.Close() })
	ts.Setenv("GRAPH", base)
	ts.Setenv("TENANT", p.ID)
	return p
}

// hook writes a file when the endpoint of hold hangs.
func (p *play) hook(_ *graphtest.Tenant, r graphtest.Request) {
	if r.Endpoint == p.at && p.at != "" && p.pass.Add(-1) < 0 {
		_ = os.WriteFile(p.held, nil, 0o600) // the script waits in vain otherwise
	}
}

// tokens checks that each service was shown its own token only.
func (p *play) tokens() error {
	for _, r := range p.server.Requests() {
		want := graphtest.DefaultToken
		if r.Activity {
			want = graphtest.ActivityToken
		}
		if got := r.Header.Get("Authorization"); got != "Bearer "+want {
			return fmt.Errorf("%s %s was shown %q", r.Method, r.Path, got)
		}
	}
	return nil
}

// gets checks that nothing was written, and begins anew.
func (p *play) gets() error {
	defer p.server.ForgetRequests()
	for _, r := range p.server.Requests() {
		if r.Method != "GET" {
			return fmt.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
	return nil
}

func without(list []string, drop string) []string {
	var rest []string
	for _, s := range list {
		if s != drop {
			rest = append(rest, s)
		}
	}
	return rest
}

func (p *play) act(ts *testscript.TestScript, verb string, args []string) error {
	p.Advance(time.Minute)
	arg := func(i int) string {
		if i >= len(args) {
			ts.Fatalf("tenant %s needs %d arguments", verb, i+1)
		}
		return args[i]
	}
	admin := p.Admins[0]
	switch verb {
	case "customer":
		name, err := strconv.Unquote(`"` + arg(1) + `"`) // names of any kind
		p.NameCustomer(arg(0), name)
		return err
	case "leaves":
		p.RemoveCustomer(arg(0))
		return nil
	case "hire":
		id := p.AddUser(admin, graphtest.UserSpec{Name: arg(0), Department: arg(1)})
		p.people[arg(0)] = id
		ts.Setenv(arg(0), id)
		ts.Setenv(arg(0)+"_upn", p.User(id).UPN)
		return nil
	case "agent":
		p.people[arg(0)] = p.AddAgent(admin, arg(0)).ID
		ts.Setenv(arg(0), p.people[arg(0)])
		ts.Setenv(arg(0)+"_upn", p.User(p.people[arg(0)]).UPN)
		return nil
	case "guest":
		p.people[arg(0)] = p.AddUser(admin, graphtest.UserSpec{Name: arg(0), Department: "", Guest: true})
		ts.Setenv(arg(0), p.people[arg(0)])
		ts.Setenv(arg(0)+"_upn", p.User(p.people[arg(0)]).UPN)
		return nil
	case "veteran":
		p.people[arg(0)] = p.AddUser(admin, graphtest.UserSpec{Name: arg(0), Department: arg(1), Ancient: true})
		ts.Setenv(arg(0), p.people[arg(0)])
		ts.Setenv(arg(0)+"_upn", p.User(p.people[arg(0)]).UPN)
		return nil
	case "crowd":
		n, err := strconv.Atoi(arg(0))
		for i := range n {
			p.AddUser(admin, graphtest.UserSpec{Name: fmt.Sprintf("Crowd %d", i), Department: "Crowd"})
		}
		return err
	case "settlers":
		n, err := strconv.Atoi(arg(0))
		for i := range n {
			id := p.AddUser(admin, graphtest.UserSpec{Name: fmt.Sprintf("Settler %d", i), Created: graphtest.Epoch.Add(-time.Duration(i*i) * time.Hour)})
			if i%20 == 0 {
				err = cmp.Or(err, p.AssignDirect(admin, id, graphtest.SKUE5))
			}
		}
		return err
	case "freeze":
		p.FreezeIndex()
		return nil
	case "thaw":
		p.RefreshIndex()
		return nil
	case "assign":
		return p.AssignDirect(admin, p.people[arg(0)], skuIDs[arg(1)])
	case "remove":
		return p.RemoveDirect(admin, p.people[arg(0)], skuIDs[arg(1)])
	case "by": // by APP assign|remove USER SKU
		by := p.named(arg(0))
		if arg(1) == "remove" {
			return p.RemoveDirect(by, p.people[arg(2)], skuIDs[arg(3)])
		}
		return p.AssignDirect(by, p.people[arg(2)], skuIDs[arg(3)])
	case "askedowners": // how often it was asked who owns an application
		asked := 0
		for _, r := range p.server.Requests() {
			if r.Endpoint == graphtest.EndpointPrincipal {
				asked++
			}
		}
		if strconv.Itoa(asked) != arg(0) {
			return fmt.Errorf("%d applications were asked about, want %s", asked, arg(0))
		}
		return nil
	case "group":
		p.groups[arg(0)] = p.CreateGroup(admin, arg(0), "")
		return p.SetGroupLicense(admin, p.groups[arg(0)], skuIDs[arg(1)], p.planIDs(ts, skuIDs[arg(1)], args[2:])...)
	case "join":
		return p.AddMember(admin, p.groups[arg(1)], p.people[arg(0)])
	case "leave":
		return p.RemoveMember(admin, p.groups[arg(1)], p.people[arg(0)])
	case "department":
		return p.ChangeDepartment(admin, p.people[arg(0)], arg(1))
	case "attribute":
		return p.UpdateUser(admin, p.people[arg(0)], arg(1), func(u *graphtest.User) {
			switch arg(1) {
			case "costCenter":
				u.CostCenter = arg(2)
			case "division":
				u.Division = arg(2)
			default:
				u.Extensions = maps.Clone(u.Extensions)
				if u.Extensions == nil {
					u.Extensions = map[string]string{}
				}
				u.Extensions[arg(1)] = arg(2)
			}
		})
	case "plans":
		return p.ChangeDisabledPlans(admin, p.people[arg(0)], skuIDs[arg(1)], p.SKU(skuIDs[arg(1)]).Plans[0].ID)
	case "off":
		return p.ChangeDisabledPlans(admin, p.people[arg(0)], skuIDs[arg(1)], p.planIDs(ts, skuIDs[arg(1)], args[2:])...)
	case "swap":
		err := p.RemoveDirect(admin, p.people[arg(0)], skuIDs[arg(1)])
		p.Advance(time.Minute)
		err = errors.Join(err, p.AssignDirect(admin, p.people[arg(0)], skuIDs[arg(2)]))
		p.Advance(time.Minute)
		return err
	case "reset":
		p.MicrosoftResetsDates(p.people[arg(0)])
		return nil
	case "seats":
		n, err := strconv.Atoi(arg(1))
		return errors.Join(err, p.SetSeats(skuIDs[arg(0)], n))
	case "exhaust":
		return p.GroupSeatsExhausted(admin, p.groups[arg(1)], p.people[arg(0)], skuIDs[arg(2)])
	case "lapse":
		_, err := p.LapseSubscription(skuIDs[arg(0)])
		return err
	case "newplan":
		return p.MicrosoftAddsPlan(skuIDs[arg(0)], graphtest.Plan{ID: "b74d57b2-58e9-484a-9731-aeccbba954f0", Name: "NEW_PLAN"})
	case "delete":
		return p.DeleteUser(admin, p.people[arg(0)], graphtest.Entra)
	case "restore":
		return p.RestoreUser(admin, p.people[arg(0)])
	case "rename":
		return p.Rename(admin, p.people[arg(0)], arg(1))
	case "week":
		p.Advance(7 * 24 * time.Hour)
		return nil
	case "days":
		n, err := strconv.Atoi(arg(0))
		p.Advance(time.Duration(n) * 24 * time.Hour)
		return err
	case "signin", "try":
		p.SignIn(p.people[arg(0)], verb == "signin")
		return nil
	case "use":
		p.Use(p.people[arg(0)], strings.Join(args[1:], " "))
		return nil
	case "prompt": // prompt USER N APP...
		n, err := strconv.Atoi(arg(1))
		p.Prompt(p.people[arg(0)], strings.Join(args[2:], " "), n)
		return err
	case "copilot": // the report's world: v1, old, nowhere, uncounted, or new
		p.Copilot = graphtest.CopilotWorld(strings.TrimPrefix(arg(0), "new"))
		return nil
	case "buy": // buy SKU N: one more subscription
		n, err := strconv.Atoi(arg(1))
		return errors.Join(err, p.BuySeats(skuIDs[arg(0)], n))
	case "renew": // renew SKU N DAY: one subscription, until a day
		n, err := strconv.Atoi(arg(1))
		ends, badDay := time.Parse(time.DateOnly, arg(2))
		return errors.Join(err, badDay, p.Renew(skuIDs[arg(0)], n, ends))
	case "draw": // draw NAME|GROUP SKU N: on the N-th subscription, from 0
		n, err := strconv.Atoi(arg(2))
		p.Draw(p.people[arg(0)]+p.groups[arg(0)], skuIDs[arg(1)], n)
		return err
	case "device": // device SKU N
		n, err := strconv.Atoi(arg(1))
		ts.Setenv("DEVICE", p.AssignDevice(skuIDs[arg(0)], n))
		return err
	case "licensing": // how Graph offers the cloud licensing API: offered, or a world of graphtest
		p.Licensing = graphtest.LicensingWorld(strings.TrimPrefix(arg(0), "offered"))
		return nil
	case "misstate": // misstate N: allotments show N licenses more
		n, err := strconv.Atoi(arg(0))
		p.MisstateAllotted(n)
		return err
	case "state": // state NAME SKU STATE ERROR: of the direct license
		return p.SetState(admin, p.people[arg(0)], skuIDs[arg(1)], arg(2), arg(3))
	case "disable":
		return p.SetEnabled(admin, p.people[arg(0)], false)
	case "conceal":
		p.Concealed = true
		return nil
	case "now":
		p.Advance(time.Since(p.Now()))
		return nil
	case "gets":
		return p.gets()
	case "secrets":
		if p.server.Leaked() {
			return errors.New("a token was sent to another host")
		}
		return nil
	case "export":
		return p.export(arg(0), ts.MkAbs(arg(1)))
	case "day":
		p.Advance(24 * time.Hour)
		return nil
	case "tokens":
		return p.tokens()
	case "permit":
		p.server.Grant(graphtest.AllScopes...)
		return nil
	case "fates":
		p.server.Fates(strings.Split(arg(0), ",")...)
		return nil
	case "hold":
		n, err := strconv.Atoi(arg(1))
		p.at = graphtest.Endpoint(arg(0))
		p.pass.Store(int64(n))
		p.server.Inject(graphtest.Fault{Endpoint: p.at, Skip: n, Times: graphtest.Forever, Kind: graphtest.FaultHang})
		return errors.Join(err, os.RemoveAll(p.held))
	case "endsearches":
		p.server.EndSearches()
		return nil
	case "stopfeed":
		p.server.StopFeed()
		return nil
	case "searches":
		if want := arg(0); want != strconv.Itoa(p.server.Searches()) {
			return fmt.Errorf("%d searches were started, want %s", p.server.Searches(), want)
		}
		return nil
	case "fault":
		return p.fault(args)
	case "heal":
		p.server.ClearFaults()
		return nil
	}
	return fmt.Errorf("unknown tenant command %q", verb)
}

// named is an application by its name: one of Microsoft's, or else the tenant's own.
func (p *play) named(name string) graphtest.Actor {
	if name == graphtest.PowerBIService.Name {
		return graphtest.PowerBIService
	}
	for _, a := range p.Apps {
		if a.Name == name {
			return a
		}
	}
	return p.AddApp(name)
}

func (p *play) export(format, path string) error {
	var events [][]byte
	for _, e := range p.Events() {
		events = append(events, e.JSON())
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(exportfile.Write(f, format, p.ID, events), f.Close())
}

// planIDs finds plans of a SKU by their names.
func (p *play) planIDs(ts *testscript.TestScript, sku string, names []string) []string {
	var ids []string
	for _, plan := range p.SKU(sku).Plans {
		if slices.Contains(names, plan.Name) {
			ids = append(ids, plan.ID)
		}
	}
	if len(ids) != len(names) {
		ts.Fatalf("SKU %s has not all of the plans %q", sku, names)
	}
	return ids
}

func (p *play) fault(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: tenant fault ENDPOINT PAGE KIND [once|forever] [QUERY]")
	}
	pages := map[string]graphtest.Page{"any": graphtest.AnyPage, "first": graphtest.FirstPage, "middle": graphtest.MiddlePage, "last": graphtest.LastPage}
	f := graphtest.Fault{Endpoint: graphtest.Endpoint(args[0]), Page: pages[args[1]], Kind: graphtest.FaultKind(strings.ReplaceAll(args[2], "-", " "))}
	if len(args) > 3 && args[3] == "forever" {
		f.Times = graphtest.Forever
	}
	if len(args) > 4 {
		f.Query = args[4]
	}
	p.server.Inject(f)
	return nil
}

// exitsCommand runs a command and checks its exit code: scripts hold on to it.
func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		if _, scanErr := fmt.Sscanf(err.Error(), "exit status %d", &got); scanErr != nil {
			ts.Fatalf("%s: %v", args[1], err)
		}
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// metricsCommand reads a file of metrics strictly.
func metricsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args)%2 != 1 {
		ts.Fatalf("usage: metrics FILE [SAMPLE VALUE]...")
	}
	samples, err := metricstest.Parse(ts.ReadFile(args[0]))
	ts.Check(err)
	found := map[string]string{}
	for name, v := range samples {
		name = regexp.MustCompile(`tenant="[^"]*",?`).ReplaceAllString(name, "")
		found[strings.TrimSuffix(name, "{}")] = strconv.FormatFloat(v, 'f', -1, 64)
	}
	for i := 1; i < len(args); i += 2 {
		if found[args[i]] != args[i+1] {
			ts.Fatalf("%s is %q, want %q, in:\n%s", args[i], found[args[i]], args[i+1], ts.ReadFile(args[0]))
		}
	}
}

// logsCommand reads a log for programs.
func logsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: logs FILE")
	}
	var run any
	for _, line := range strings.Split(strings.TrimSuffix(ts.ReadFile(args[0]), "\n"), "\n") {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			ts.Fatalf("%q: %v", line, err)
		}
		for _, key := range []string{"time", "level", "msg", "run_id"} {
			if text, ok := entry[key].(string); !ok || text == "" {
				ts.Fatalf("no %s: %q", key, line)
			}
		}
		if run == nil {
			run = entry["run_id"]
		}
		if entry["run_id"] != run {
			ts.Fatalf("two run ids: %q", line)
		}
	}
}

// flipCommand changes bytes of a file in place.
func flipCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || len(args[1]) != len(args[2]) {
		ts.Fatalf("usage: flip FILE OLD NEW, of one length")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not have %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// plantCommand runs SQL on a database without asking lictrail.
func plantCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: plant FILE SQL")
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(ts.MkAbs(args[0])))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// lockCommand begins to write to a database, and never ends.
func lockCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock FILE")
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(ts.MkAbs(args[0]))+"?_txlock=immediate")
	ts.Check(err)
	tx, err := db.Begin()
	ts.Check(err)
	ts.Defer(func() { ts.Check(errors.Join(tx.Rollback(), db.Close())) })
}

var readers = map[string]func(){} // ends of reading, by database

// readerCommand keeps a database open in a transaction that has read.
func readerCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: reader open|close FILE")
	}
	path := ts.MkAbs(args[1])
	if args[0] == "close" {
		readers[path]()
		return
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?mode=ro")
	ts.Check(err)
	tx, err := db.Begin()
	ts.Check(err)
	var n int
	ts.Check(tx.QueryRow("SELECT count(*) FROM run").Scan(&n))
	end := sync.OnceFunc(func() { ts.Check(errors.Join(tx.Rollback(), db.Close())) })
	readers[path] = end
	ts.Defer(end)
}

// envsubstCommand replaces variables in a file by their values.
func envsubstCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: envsubst FILE")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
