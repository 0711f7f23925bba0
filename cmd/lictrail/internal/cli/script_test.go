package cli

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lictrail/graph/graphtest"
)

var updateScripts = flag.Bool("update", false, "rewrite the expected output in testdata")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lictrail": func() { os.Exit(Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) },
	})
}

// TestScripts runs the real program against a simulated tenant, as the files
// in testdata say. Beside testscript's own commands they may use
//
//	tenant new [free] [forbid SCOPE]...  start a tenant, and point $GRAPH and the token at it
//	tenant hire NAME DEPARTMENT          add a user; $NAME is the id, $NAME_upn the UPN
//	tenant veteran NAME DEPARTMENT       the same, with an account too old to have a date
//	tenant assign|remove NAME SKU        as an administrator
//	tenant group NAME SKU                a group that gives a SKU
//	tenant join|leave NAME GROUP
//	tenant department NAME DEPARTMENT
//	tenant plans NAME SKU                switches the SKU's first plan off
//	tenant swap NAME SKU SKU             removes the one and assigns the other
//	tenant reset NAME                    Microsoft moves the user's dates
//	tenant newplan SKU                   Microsoft adds a plan to the SKU
//	tenant delete|restore NAME
//	tenant rename NAME NEW
//	tenant week                          a week passes
//	tenant fault ENDPOINT PAGE KIND [forever]
//	tenant heal                          no more faults
//	envsubst FILE                        replaces variables in the file
//	exits CODE COMMAND...                the command ends with that exit code
//	flip FILE OLD NEW                    replaces bytes in the file by as many others
//	plant FILE SQL                       runs SQL on a database, as another program would
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *updateScripts,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LICTRAIL_DB", filepath.Join(e.WorkDir, "t.db"))
			e.Setenv("LICTRAIL_ACCESS_TOKEN", graphtest.DefaultToken)
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"tenant": tenantCommand,
			"envsubst": envsubstCommand, "exits": exitsCommand, "flip": flipCommand, "plant": plantCommand},
	})
}

// play is the tenant of one script.
type play struct {
	*graphtest.Tenant
	server *graphtest.Server
	people map[string]string
	groups map[string]string
}

var plays = map[string]*play{} // by working directory; scripts run one after another

var skuIDs = map[string]string{"E3": e3, "E5": e5, "EMS": ems, "VISIO": visio}

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
	for i, a := range args {
		switch a {
		case "free":
			p.Premium = false
		case "forbid":
			scopes = without(scopes, args[i+1])
		}
	}
	p.server = graphtest.NewServer(p.Tenant, graphtest.WithScopes(scopes...), graphtest.WithVaryingPages(), graphtest.WithEmptyPages())
	base, err := p.server.Start()
	ts.Check(err)
	ts.Defer(func() { p.server.Close() })
	ts.Setenv("GRAPH", base)
	ts.Setenv("TENANT", p.ID)
	return p
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
	case "hire":
		id := p.AddUser(admin, graphtest.UserSpec{Name: arg(0), Department: arg(1)})
		p.people[arg(0)] = id
		ts.Setenv(arg(0), id)
		ts.Setenv(arg(0)+"_upn", p.User(id).UPN)
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
	case "assign":
		return p.AssignDirect(admin, p.people[arg(0)], skuIDs[arg(1)])
	case "remove":
		return p.RemoveDirect(admin, p.people[arg(0)], skuIDs[arg(1)])
	case "group":
		p.groups[arg(0)] = p.CreateGroup(admin, arg(0), "")
		return p.SetGroupLicense(admin, p.groups[arg(0)], skuIDs[arg(1)])
	case "join":
		return p.AddMember(admin, p.groups[arg(1)], p.people[arg(0)])
	case "leave":
		return p.RemoveMember(admin, p.groups[arg(1)], p.people[arg(0)])
	case "department":
		return p.ChangeDepartment(admin, p.people[arg(0)], arg(1))
	case "plans":
		return p.ChangeDisabledPlans(admin, p.people[arg(0)], skuIDs[arg(1)], p.SKU(skuIDs[arg(1)]).Plans[0].ID)
	case "swap":
		err := p.RemoveDirect(admin, p.people[arg(0)], skuIDs[arg(1)])
		p.Advance(time.Minute)
		err = errors.Join(err, p.AssignDirect(admin, p.people[arg(0)], skuIDs[arg(2)]))
		p.Advance(time.Minute)
		return err
	case "reset":
		p.MicrosoftResetsDates(p.people[arg(0)])
		return nil
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
	case "fault":
		return p.fault(args)
	case "heal":
		p.server.ClearFaults()
		return nil
	}
	return fmt.Errorf("unknown tenant command %q", verb)
}

func (p *play) fault(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: tenant fault ENDPOINT PAGE KIND [forever]")
	}
	pages := map[string]graphtest.Page{"any": graphtest.AnyPage, "first": graphtest.FirstPage, "middle": graphtest.MiddlePage, "last": graphtest.LastPage}
	f := graphtest.Fault{Endpoint: graphtest.Endpoint(args[0]), Page: pages[args[1]], Kind: graphtest.FaultKind(strings.ReplaceAll(args[2], "-", " "))}
	if len(args) > 3 {
		f.Times = graphtest.Forever
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

// envsubstCommand replaces variables in a file by their values.
func envsubstCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: envsubst FILE")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
