// Command standin serves a simulated tenant on this machine, and the authority that
// issues tokens for it, so that set-up can be followed where no tenant is at hand. It
// is for maintainers, and no part of lictrail.
//
// Its folder then has env, the variables that point lictrail at it; token, what the
// Azure CLI would print; and ca.pem, whom to trust. A certificate that is put there as
// uploaded.crt is registered with the application.
package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"lictrail/graph/graphtest"
)

// client is the id of the application.
const client = "3f7f2c0e-9a51-4b7e-8d0a-5b0c6a1f2d34"

func main() {
	dir := flag.String("dir", "", "the `folder` that tells how to reach it")
	seen := flag.String("seen", "", "the same folder as those see it who use it (default: as it is)")
	users := flag.Int("users", 60, "how many users the tenant has")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *dir, *seen, *users); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, dir, seen string, users int) error {
	if dir == "" {
		return errors.New("-dir is needed")
	}
	if seen == "" {
		seen = dir
	}
	tenant := graphtest.New(1)
	tenant.Populate(users, 3)
	tenant.RandomOps(30)
	tenant.Advance(time.Since(tenant.Now()))
	authority, err := graphtest.NewAuthority(tenant.ID, time.Now)
	if err != nil {
		return err
	}
	authority.Apps[client] = &graphtest.App{}
	host, err := authority.Start()
	if err != nil {
		return err
	}
	defer authority.Close()
	server := graphtest.NewServer(tenant, graphtest.WithAuthority(authority), graphtest.WithScopes(graphtest.AllScopes...))
	base, err := server.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	token, _ := authority.Issue(server.Root())
	env := fmt.Sprintf("export LICTRAIL_GRAPH_ENDPOINT=%s LICTRAIL_AUTHORITY_HOST=%s SSL_CERT_FILE=%s\nTENANT=%s CLIENT=%s\n",
		base, host, filepath.Join(seen, "ca.pem"), tenant.ID, client)
	for name, text := range map[string]string{"ca.pem": string(authority.CA()), "token": token + "\n", "env": env} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
			return err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return err
		}
	}
	return register(ctx, authority, filepath.Join(dir, "uploaded.crt"))
}

// register takes certificates until it is interrupted.
func register(ctx context.Context, authority *graphtest.Authority, file string) error {
	for tick := time.Tick(100 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			continue // it is being written
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		authority.Register(client, certificate)
		if err := os.Remove(file); err != nil {
			return err
		}
	}
}
