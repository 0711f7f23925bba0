package faults

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lictrail/migrations"
)

// TestR13_ReportFiles kills commands that write a file: it must be the old one
// or a complete new one.
func TestR13_ReportFiles(t *testing.T) {
	onlyHeavy(t)
	needStrace(t)
	w := newWorld(t)
	names := []string{"openat", "write", "fsync", "fchmod", "close", "rename", "renameat", "linkat", "unlinkat", "pwrite64", "open"}
	killed, kept, whole := 0, 0, 0
	for _, c := range []struct {
		name string
		args func(dir string) []string
		old  string // what is there before; "": nothing
		is   func(t *testing.T, dir, file string) bool
	}{
		{"--output", func(dir string) []string {
			return []string{"assignments", "--db", dbIn(dir), "--format", "csv", "--output", filepath.Join(dir, "file")}
		}, "the old report\n", func(t *testing.T, dir, file string) bool {
			return file == command("assignments", "--db", dbIn(dir), "--format", "csv").stdout
		}},
		{"--head-file", func(dir string) []string { return w.syncArgs(dir, "--head-file", filepath.Join(dir, "file")) },
			"the old head\n", func(t *testing.T, dir, file string) bool {
				return command("verify", "--db", dbIn(dir), "--head", file).code == 0
			}},
		{"backup", func(dir string) []string { return []string{"backup", filepath.Join(dir, "file"), "--db", dbIn(dir)} },
			"", func(t *testing.T, dir, file string) bool {
				return command("verify", "--db", filepath.Join(dir, "file")).code == 0
			}},
	} {
		s := w.scenes()[1]
		write := func(dir string) {
			if c.old != "" {
				if err := os.WriteFile(filepath.Join(dir, "file"), []byte(c.old), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		var counts map[string]int
		s.in(t, func(dir string) { write(dir); counts = calls(t, dir, names, c.args(dir)...) })
		for _, p := range points(counts, size(5, 60)) {
			s.in(t, func(dir string) {
				write(dir)
				if _, struck := strike(t, dir, p, "signal=KILL", "", c.args(dir)...); !struck {
					return
				}
				killed++
				text, err := os.ReadFile(filepath.Join(dir, "file"))
				switch {
				case string(text) == c.old && (err == nil || c.old == ""):
					kept++
				case err == nil && c.is(t, dir, string(text)):
					whole++
				default:
					t.Errorf("%s, %v: the file is neither old nor new: %.100q, %v", c.name, p, text, err)
				}
			})
		}
	}
	publish(t, "R13", "kill while a report, a head or a backup is written", "old or complete new, 100 %",
		"%d kills: %d old, %d complete new, 0 others", killed, kept, whole)
}

// atVersion makes a database as the build with so many migrations left it.
func atVersion(t *testing.T, dir string, version int) {
	t.Helper()
	if err := os.WriteFile(dbIn(dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dbIn(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := filepath.Glob("../../../../migrations/*.sql")
	if err != nil || len(files) < version {
		t.Fatal(files, err)
	}
	slices.Sort(files)
	statements := []string{"PRAGMA journal_mode = WAL"}
	for _, file := range files[:version] {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, string(text))
	}
	statements = append(statements, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", migrations.ApplicationID, version))
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// TestR14_Migrations kills the program and lets its disk fail while it brings
// databases of every version up to date.
func TestR14_Migrations(t *testing.T) {
	onlyHeavy(t)
	needStrace(t)
	w := newWorld(t)
	var sum tally
	for version := 1; version < migrations.Latest(); version++ {
		from := t.TempDir()
		atVersion(t, from, version)
		s := scene{fmt.Sprint("version ", version), from, "", w.begun}
		calls := []string{"pwrite64", "fsync", "ftruncate", "fcntl"}
		w.everywhere(t, s, calls, size(2, 30), "signal=KILL", "", &sum)
		w.everywhere(t, s, calls, size(1, 15), "error=EIO", "", &sum)
	}
	changed := w.newer(t)
	publish(t, "R14", "kill and EIO while each older schema is migrated; a newer one opened by this build", "0 torn, 0 bytes changed on refusal",
		"%d versions, %d points: %d torn, %d unrecovered; newer: exit code 7, %d bytes changed", migrations.Latest()-1, sum.points, sum.torn, sum.unrecovered, changed)
}

// newer opens a database that a newer build has written.
func (w *world) newer(t *testing.T) (changed int) {
	t.Helper()
	w.scenes()[1].in(t, func(dir string) {
		db, err := sql.Open("sqlite", dbIn(dir))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(fmt.Sprint("PRAGMA user_version = ", migrations.Latest()+1)); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		before := fingerprint(t, dir)
		for _, args := range [][]string{w.syncArgs(dir), {"verify", "--db", dbIn(dir)}, {"assignments", "--db", dbIn(dir)}} {
			if r := command(args...); r.code != 7 {
				t.Errorf("%s on a newer database: %v, want exit code 7", args[0], r)
			}
		}
		if after := fingerprint(t, dir); after != before {
			changed++
			t.Errorf("a newer database was changed: %s, then %s", before, after)
		}
	})
	return changed
}

// fingerprint describes a folder's files by content and time. SQLite's readers put
// an index in shared memory and an empty log beside a file, which say nothing.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	eachFile(t, dir, func(info os.FileInfo, data []byte) {
		if strings.HasSuffix(info.Name(), "-shm") || strings.HasSuffix(info.Name(), "-wal") && len(data) == 0 {
			return
		}
		fmt.Fprintf(&b, "%s %x %v %v\n", info.Name(), sha256.Sum256(data), info.Mode(), info.ModTime())
	})
	return b.String()
}

// eachFile reads the files of a folder, in the order of their names.
func eachFile(t *testing.T, dir string, do func(info os.FileInfo, data []byte)) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		do(info, data)
	}
}

// TestR15_StockSQLiteAgrees asks an independent SQLite, of a distribution, what
// it thinks of files that runs and crashes have left.
func TestR15_StockSQLiteAgrees(t *testing.T) {
	onlyHeavy(t)
	_, err := exec.LookPath("sqlite3")
	need(t, err == nil, "sqlite3 is not installed (Debian: apt-get install sqlite3)")
	needStrace(t)
	w := newWorld(t)
	files := 0
	ask := func(dir string) {
		out, err := exec.CommandContext(t.Context(), "sqlite3", dbIn(dir), "PRAGMA integrity_check; PRAGMA foreign_key_check;").CombinedOutput()
		if files++; err != nil || strings.TrimSpace(string(out)) != "ok" {
			t.Errorf("sqlite3 says %q, %v", out, err)
		}
	}
	for _, s := range w.scenes() {
		s.in(t, func(dir string) { w.sync(t, dir); ask(dir) })
		var counts map[string]int
		s.in(t, func(dir string) { counts = calls(t, dir, []string{"pwrite64", "fsync"}, w.syncArgs(dir)...) })
		for _, p := range points(counts, size(2, 25)) {
			s.in(t, func(dir string) {
				if _, struck := strike(t, dir, p, "signal=KILL", "", w.syncArgs(dir)...); struck {
					ask(dir)
				}
			})
		}
	}
	version, err := exec.CommandContext(t.Context(), "sqlite3", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	number, _, _ := strings.Cut(string(version), " ")
	publish(t, "R15", "integrity_check and foreign_key_check of a stock sqlite3, after runs and after crashes", "ok, 100 %",
		"sqlite3 %s: ok on %d of %d files", number, files, files)
}

// questions are the commands that read.
func questions(user string) [][]string {
	return [][]string{
		{"assignments"}, {"assignments", "--by", "department"}, {"assignments", "--by", "path"}, {"assignments", "--as-of", "2030-01-01"},
		{"changes"}, {"skus"}, {"groups"}, {"runs"}, {"runs", "show", "1"}, {"fleet", "health", "--max-age", "36500"}, {"audit", "coverage"}, {"audit", "events"},
		{"seat-days"}, {"seat-days", "--by", "user"}, {"history", user}, {"who", "changed", user, "--all"}, {"verify"},
	}
}

// TestP12_ReadersWriteNothing looks at every byte and time of the database
// before and after each reading command.
func TestP12_ReadersWriteNothing(t *testing.T) {
	w := newWorld(t)
	dir := w.copyOf(t, w.first)
	w.sync(t, dir)
	before := fingerprint(t, dir)
	asked := 0
	for _, q := range questions(w.tenant.UserIDs()[0]) {
		for _, format := range []string{"text", "json", "csv"} {
			r := command(append(slices.Clone(q), "--db", dbIn(dir), "--format", format)...)
			if asked++; r.code != 0 {
				t.Errorf("%v: %v", q, r)
			}
			if after := fingerprint(t, dir); after != before {
				t.Fatalf("%v changed the database:\n%s\n%s", q, before, after)
			}
		}
	}
	publish(t, "P12", "reading commands write nothing: every byte and time of the database's folder", "0 changed", "%d commands: 0 changed", asked)
}
