package fleet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/config"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/settings"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Discovery is what a partner's customers bring into the fleet's file.
type Discovery struct {
	Found []ask.Found
	After []byte // the file with what is to be added

	file  string
	added int
}

// Discover compares the tenants that a file names with the customers of a partner.
// folder is where databases of new tenants go; "" for that of the file, which need
// not be there yet. It writes nothing.
func Discover(ctx context.Context, file, folder string, customers []snapshot.Tenant) (*Discovery, error) {
	before, err := settings.Read(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	parsed, err := config.Parse(file, before)
	if err != nil {
		return nil, wrongFile(err)
	}
	if folder != "" {
		folder = strings.TrimSuffix(filepath.ToSlash(folder), "/") + "/"
	}
	list := make([]ask.Customer, len(customers))
	for i, t := range customers {
		list[i] = ask.Customer{ID: string(t.ID), Name: t.Name}
	}
	d := &Discovery{file: file}
	d.Found = ask.Discover(members(ctx, parsed), list, folder, func(db, id string) bool {
		owner, there := ownerOf(ctx, file, db)
		return !there || owner == id
	})
	var add []config.NewTenant
	for _, f := range d.Found {
		if f.State == ask.Added {
			add = append(add, config.NewTenant{Comment: f.Comment(), Name: f.Name, DB: f.DB, ID: f.ID})
		}
	}
	d.added = len(add)
	if d.After, err = config.AddTenants(file, before, add); err != nil {
		return nil, wrongFile(err)
	}
	return d, nil
}

func wrongFile(err error) error {
	var wrong *config.Error
	if errors.As(err, &wrong) {
		return exit.Usage(wrong.Error(), wrong.Hint)
	}
	return err
}

// members are the tenants of a file, each with its id, as far as the file or its
// database says.
func members(ctx context.Context, file *config.File) []ask.Member {
	var list []ask.Member
	for _, t := range file.Tenants {
		m := ask.Member{Name: t.Name, DB: t.Values["db"].Text(), ID: string(connect.Asked(t.Values["tenant"].Text()))}
		if m.ID == "" && m.DB != "" {
			m.ID, _ = ownerOf(ctx, file.Name, m.DB)
		}
		list = append(list, m)
	}
	return list
}

// ownerOf is the tenant whose history is in a database, "" where that cannot be read,
// and whether there is anything in its place.
func ownerOf(ctx context.Context, file, db string) (id string, there bool) {
	path := filepath.FromSlash(db)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	history, err := store.OpenReadOnly(ctx, path, migrations.Check)
	if err != nil {
		return "", true
	}
	defer history.Close()
	tenant, _, err := history.Tenant(ctx)
	if err != nil {
		return "", true
	}
	return string(tenant.ID), true
}

// Write adds what is new to the file, which is left alone where nothing is.
func (d *Discovery) Write() error {
	if d.added == 0 {
		return nil
	}
	return out.ReplaceFile(d.file, d.After)
}

// Verdict is the error that some customers could not be added; nil where all are in
// the file.
func (d *Discovery) Verdict() error {
	n := 0
	for _, f := range d.Found {
		if f.State == ask.NotAdded {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &out.Error{Code: exit.Failed, Err: exit.ErrRefused, Message: fmt.Sprintf("%s not added: the file has tenants of the same names without an id", out.Plural(n, "customer")),
		Hint: "set tenant = \"ID\" in each table [[tenant]] that has none, and do the same again"}
}
