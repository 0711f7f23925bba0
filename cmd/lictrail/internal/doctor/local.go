package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/disk"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/internal/private"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/engine"
)

// The checks that several places name. The last four are reads, as package graph
// calls them.
const (
	checkFolder    = "folder"
	checkDatabase  = "database"
	checkLock      = "lock"
	checkIntegrity = "integrity"
	checkRuns      = "runs"
	checkSignIn    = "sign-in"
	checkTenant    = "tenant"

	checkUsers        = "users"
	checkSKUs         = "SKUs"
	checkOrganization = "organization"
	checkUsage        = "usage report"
)

const (
	// lockPatience is how long a run would wait for another that writes.
	lockPatience = 5 * time.Second
	lockPause    = 250 * time.Millisecond
	// spareRoom must be free beside room for a copy of the database: a run keeps
	// what it reads in a file beside it until it is history.
	spareRoom = 100 << 20
	// overdue is the age from which a weekly run was missed.
	overdue = 8 * 24 * time.Hour
)

// local checks what is on this machine.
func (d *doctor) local(ctx context.Context) {
	d.ok("lictrail", "%s, schema %d", d.o.Version, migrations.Latest())
	if v, _, err := engine.Version(ctx); err != nil {
		d.fail("SQLite", err)
	} else {
		d.ok("SQLite", "%s", v)
	}
	d.inputs()
	info, err := os.Lstat(d.o.DB)
	d.folder()
	d.volume(info)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok(checkDatabase, "none yet; the first run makes %s", d.o.DB)
	case err != nil:
		d.fail(checkDatabase, err)
	default:
		d.file(ctx, info)
	}
}

// inputs checks whose the files are that decide what lictrail does or hold its
// secrets, and who else may use them. One that is refused is a warning here:
// whether sync needs it is for the sign-in to say.
func (d *doctor) inputs() {
	look := func(name, path string, care input.Care) {
		if path == "" {
			return
		}
		found, err := input.Describe(path, care)
		if err != nil {
			e := exit.Explained(exit.Input("", "name a file that you may read", err))
			d.warn(name, e.Hint, "%s", e.Message)
			return
		}
		d.ok(name, "%q, %s", path, found)
	}
	look("configuration", d.o.Config, input.Trusted)
	look("file of variables", d.o.EnvFile, input.Secret)
	if certificate := cmp.Or(d.o.Connection.Certificate, d.o.Host.Getenv(graph.CertificateVariable)); graph.InStore(certificate) {
		d.ok("certificate", "%s, in the store of Windows", certificate)
	} else {
		look("certificate", certificate, input.Secret)
	}
	look(graph.FederatedFile, d.o.Host.Getenv(graph.FederatedFile), input.Trusted)
	for _, variable := range slices.Concat(graph.SecretFiles(), notify.SecretFiles()) {
		look(variable, d.o.Host.Getenv(variable), input.Secret)
	}
}

// folder checks where the database is, or will be.
func (d *doctor) folder() {
	folder, err := filepath.Abs(filepath.Dir(d.o.DB))
	if err != nil {
		d.fail(checkFolder, err)
		return
	}
	place, err := disk.Existing(folder)
	if err != nil {
		d.fail(checkFolder, err)
		return
	}
	info, err := os.Stat(place)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "make the folder in", Path: place, Err: errors.New("not a folder")}
	}
	if err == nil {
		err = disk.MayWrite(place)
	}
	known := !errors.Is(err, disk.ErrUnknown)
	if err != nil && known {
		d.add(Check{Name: checkFolder, Status: Failed, Found: err.Error(), Err: err,
			Fix: "let the user who runs sync write to this folder, or name a file elsewhere with --db"})
		return
	}
	mode := info.Mode()
	switch shared := mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 && runtime.GOOS != "windows"; {
	case runtime.GOOS == "windows":
		d.windowsFolder(place, folder)
	case place != folder:
		d.ok(checkFolder, "not there yet; the first run makes %s", folder)
	case shared:
		d.add(Check{Name: checkFolder, Status: Warning, Found: fmt.Sprintf("mode %04o: others may put another file in the database's place", mode.Perm()),
			Fix: "make the folder its owner's alone", Paste: []string{"chmod 700 " + quotePOSIX(folder)}})
	case !known:
		d.ok(checkFolder, "%s", folder)
	default:
		d.ok(checkFolder, "%s, mode %04o, may be written", folder, mode.Perm())
	}
}

// volume checks what the folder is on.
func (d *doctor) volume(database fs.FileInfo) {
	const name = "disk"
	place, err := disk.Existing(filepath.Dir(d.o.DB))
	if err != nil {
		d.skip(name, "the folder could not be looked at")
		return
	}
	v, err := disk.Of(place)
	need := uint64(spareRoom)
	if database != nil {
		need += uint64(database.Size())
	}
	kind := v.Kind
	if kind == "" {
		kind = "file system of a kind not known"
	}
	switch {
	case err != nil:
		d.skip(name, "%v", err)
	case v.Network:
		d.warn(name, hintNetworkDisk, "%s: on the network", kind)
	case v.Free < need:
		d.warn(name, fmt.Sprintf("make room: a run and a backup may need %s", sizeText(need)), "%s, only %s free", kind, sizeText(v.Free))
	default:
		d.ok(name, "%s, %s free", kind, sizeText(v.Free))
	}
}

const hintNetworkDisk = "keep the database on a disk of this machine, and copy backups elsewhere: locks and shared memory, on which SQLite relies, do not hold over a network"

// NetworkDisk warns of a database on a network. What cannot be found out is no reason
// to warn each week.
func NetworkDisk(v disk.Volume, err error) []snapshot.Warning {
	if err != nil || !v.Network {
		return nil
	}
	return []snapshot.Warning{{Code: "network-disk", Message: "the database is on " + cmp.Or(v.Kind, "a file system") + ", over the network: " + hintNetworkDisk}}
}

// sizeText is a size as a person would say it.
func sizeText(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d KB", (n+1023)>>10)
}

// file checks the database.
func (d *doctor) file(ctx context.Context, info fs.FileInfo) {
	locked := Check{Name: checkLock, Status: Skipped, Found: "this system does not report it"}
	if info.Mode().IsRegular() { // before it is opened: see store.Writing
		locked = lockOf(ctx, d.o.DB)
	}
	db, err := store.OpenReadOnly(ctx, d.o.DB, migrations.Check)
	switch {
	case err == nil:
	case errors.Is(err, migrations.ErrEmpty):
		d.ok(checkDatabase, "empty; the first run fills it")
		return
	case errors.Is(err, migrations.ErrOlder):
		d.warn(checkDatabase, "nothing: the next run brings it up to date, and older builds cannot read it from then on", "of an older build")
		return
	case errors.Is(err, engine.ErrUnrecovered):
		d.warn(checkDatabase, hintFor(err), "a run was cut off while it wrote")
		return
	default:
		d.fail(checkDatabase, err)
		if errors.Is(err, store.ErrNotPrivate) {
			d.checks[len(d.checks)-1].Paste = keepCommands(d.o.DB)
		}
		return
	}
	defer db.Close()
	if err := disk.MayWrite(d.o.DB); err != nil && !errors.Is(err, disk.ErrUnknown) {
		d.add(Check{Name: checkDatabase, Status: Failed, Found: err.Error(), Err: err, Fix: "run sync as the user whom the file belongs to"})
	} else {
		readers := ""
		if store.ReadByGroup(d.o.DB) {
			readers = ", open to its group for reading"
		}
		d.ok(checkDatabase, "schema %d, %s, %s%s", migrations.Latest(), sizeText(uint64(info.Size())), whoMay(info), readers)
	}
	d.add(locked)
	d.integrity(ctx, db)
	d.history(ctx, db)
}

// keepCommands are what makes a database, and what SQLite keeps beside it, the
// owner's alone.
func keepCommands(path string) (commands []string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if _, err := os.Lstat(path + suffix); err == nil {
			commands = append(commands, private.Command(path+suffix))
		}
	}
	return commands
}

// windowsFolder checks who may use the folder, which a mode does not say there.
func (d *doctor) windowsFolder(place, folder string) {
	who, err := private.OpenTo(place)
	switch {
	case place != folder:
		d.ok(checkFolder, "not there yet; the first run makes %s", folder)
	case err != nil:
		d.skip(checkFolder, "%v", err)
	case who != "":
		d.add(Check{Name: checkFolder, Status: Warning, Found: "open to " + who + ", who may see what SQLite keeps beside the database",
			Fix: "make the folder its owner's alone", Paste: []string{private.Command(folder)}})
	default:
		d.ok(checkFolder, "%s, for you, the system and administrators", folder)
	}
}

// whoMay says for whom the database is, as its mode or its list has it.
func whoMay(info fs.FileInfo) string {
	if runtime.GOOS == "windows" {
		return "for its owner, the system and administrators"
	}
	return fmt.Sprintf("mode %04o", info.Mode().Perm())
}

// lockOf looks whether somebody writes to the database, for as long as a run
// would wait.
func lockOf(ctx context.Context, path string) Check {
	for waited := time.Duration(0); ; waited += lockPause {
		writing, known, err := store.Writing(path)
		switch {
		case err != nil:
			return Check{Name: checkLock, Status: Skipped, Found: err.Error()}
		case !known:
			return Check{Name: checkLock, Status: Skipped, Found: "this system does not report it"}
		case !writing:
			return Check{Name: checkLock, Status: OK, Found: "nobody is writing"}
		case waited >= lockPatience || ctx.Err() != nil:
			err := fmt.Errorf("%w: another process is writing to it", engine.ErrBusy)
			return Check{Name: checkLock, Status: Failed, Found: err.Error(), Fix: hintFor(err), Err: err}
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
		}
	}
}

// integrity looks at the file's structure and at the end of the chain of runs.
func (d *doctor) integrity(ctx context.Context, db *store.DB) {
	h, err := db.Health(ctx)
	if err == nil && len(h.Findings) > 0 {
		err = fmt.Errorf("%w: SQLite's quick check: %q", engine.ErrDamaged, h.Findings[0])
	}
	switch {
	case err != nil:
		d.fail(checkIntegrity, err)
	case h.Head == "":
		d.ok(checkIntegrity, "quick check ok; nothing is sealed yet")
	default:
		d.ok(checkIntegrity, "quick check ok; %s, head %.8s", out.Plural(h.Seals, "seal"), h.Head)
	}
}

// history looks at the runs, and keeps what later checks compare with.
func (d *doctor) history(ctx context.Context, db *store.DB) {
	var err error
	if d.database, _, err = db.Tenant(ctx); err != nil {
		d.fail(checkIntegrity, err)
		return
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		d.fail(checkIntegrity, err)
		return
	}
	d.runs(runs)
	h, err := db.History(ctx)
	if err != nil {
		if !errors.Is(err, store.ErrNoRun) {
			d.fail(checkIntegrity, err)
		}
		return
	}
	defer h.Close()
	d.tracked = true
	if d.stretches, err = h.Coverage(ctx); err != nil {
		d.fail(checkIntegrity, err)
	}
}

func (d *doctor) runs(runs []*store.Run) {
	var last *store.Run
	since := 0 // runs after it that are not complete
	for _, r := range runs {
		if since++; r.Status == store.Complete {
			last, since = r, 0
		}
	}
	if last == nil {
		if since == 0 {
			d.ok(checkRuns, "none yet")
			return
		}
		d.warn(checkRuns, runHint(runs[len(runs)-1]), "%s, none complete", out.Plural(since, "run"))
		return
	}
	age := d.now.Sub(last.ObservedUntil)
	found := fmt.Sprintf("run %d, %s old", int64(last.ID), durationText(age))
	switch {
	case since > 0:
		d.warn(checkRuns, runHint(runs[len(runs)-1]), "%s; %s since, not complete", found, out.Plural(since, "run"))
	case age > overdue:
		d.warn(checkRuns, "run sync weekly at least, by cron or the Task Scheduler: README, Every week", "%s", found)
	default:
		d.ok(checkRuns, "%s", found)
	}
}

func runHint(r *store.Run) string {
	if r.EndedAt.IsZero() {
		return fmt.Sprintf("run %d began and has not ended: it is still at work, or was cut off. Run sync again if it is not", int64(r.ID))
	}
	return fmt.Sprintf("lictrail runs show %d shows why it failed", int64(r.ID))
}

// durationText is how long something took or is ago.
func durationText(d time.Duration) string {
	switch {
	case d < 0:
		return "0 minutes"
	case d < 2*time.Hour:
		return out.Plural(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return out.Plural(int(d.Hours()), "hour")
	}
	return out.Plural(int(d.Hours()/24), "day")
}

// coverage reports for each source how far it was read, and when what came since
// will be lost.
func (d *doctor) coverage() {
	if !d.tracked {
		return
	}
	var read []snapshot.Coverage
	for _, c := range d.stretches {
		if !c.Imported {
			read = append(read, c)
		}
	}
	joined := snapshot.JoinCoverage(read)
	newest := map[snapshot.Source]snapshot.Coverage{}
	var order []snapshot.Source
	for _, c := range joined {
		if track.Kept(c.Source, true) == 0 {
			continue
		}
		if _, ok := newest[c.Source]; !ok {
			order = append(order, c.Source)
			newest[c.Source] = snapshot.Coverage{}
		}
		if c.Complete {
			newest[c.Source] = c
		}
	}
	if len(order) == 0 {
		d.warn("audit coverage", "let sync read the audit log: --audit-source graph", "the audit log was never read")
		return
	}
	for _, source := range order {
		d.add(d.covered(source, newest[source], read))
	}
	d.gaps()
}

// covered is the row of one source. last is the newest stretch that was read.
func (d *doctor) covered(source snapshot.Source, last snapshot.Coverage, read []snapshot.Coverage) Check {
	c := Check{Name: "coverage: " + string(source), Status: OK}
	if last.To.IsZero() {
		c.Status, c.Fix = Warning, "lictrail audit coverage shows why"
		c.Found = "never read"
		for _, r := range read {
			if r.Source == source && r.Why != "" {
				c.Found = "not read: " + r.Why
			}
		}
		return c
	}
	longest, least := track.Kept(source, true), track.Kept(source, false)
	if d.premium != nil && *d.premium {
		least = longest
	} else if d.premium != nil {
		longest = least
	}
	safe, gone := last.To.Add(least), d.now.Add(-longest) // surely there until; surely not there before
	switch {
	case gone.After(last.To):
		c.Status = Warning
		c.Found = fmt.Sprintf("read until %s; from then to %s it is lost", day(last.To), day(gone))
		c.Fix = "run sync more often; where the tenant has it, sync --audit-source graph,purview reaches 180 days back, and exports can be imported: docs/audit-archive.md"
	case !safe.After(d.now):
		c.Status, c.Fix = Warning, "run sync now"
		c.Found = fmt.Sprintf("read until %s; without Entra ID P1 or P2 a part of what came since is lost", day(last.To))
	default:
		c.Found = fmt.Sprintf("read until %s; what came since is lost from %s on", day(last.To), day(safe))
		if least != longest {
			c.Found += ", or later with Entra ID P1 or P2"
		}
		if safe.Sub(d.now) < 24*time.Hour {
			c.Status, c.Fix = Warning, "run sync now"
		}
	}
	return c
}

// gaps reports the stretches that no source covers.
func (d *doctor) gaps() {
	const name = "coverage: all"
	begin, end := snapshot.CoverageBegin(d.stretches), time.Time{}
	for _, c := range d.stretches {
		if c.To.After(end) {
			end = c.To
		}
	}
	gaps, total := 0, time.Duration(0)
	for _, c := range snapshot.UnionCoverage(d.stretches, begin, end) {
		if !c.Complete {
			gaps++
			total += c.To.Sub(c.From)
		}
	}
	if gaps == 0 {
		d.ok(name, "no gap since %s", day(begin))
		return
	}
	d.warn(name, "lictrail audit coverage shows them; exports that still have the time can be imported: docs/audit-archive.md",
		"%s since %s, %s in all", out.Plural(gaps, "gap"), day(begin), durationText(total))
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
