package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/pkg/browser"
	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/settings"
	"lictrail/cmd/lictrail/internal/web"
)

type serveOptions struct {
	listen, publicURL, userHeader, proxySecret, linkSecret string
	behindProxy, noBrowser                                 bool
	idle                                                   time.Duration
}

func newServe(e *env) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Show the answers in a browser on this machine",
		Long: `Shows the answers as pages in a browser on this machine: search, a person over
time, a change with its evidence and original records, what needs attention, the
week, SKUs, groups, actors, reclaim, and the limits of the data. With a
configuration of several tenants there is also a page about all of them.

The address is the first line on stdout. It contains a secret, and everybody who
knows it can read everything, so protect it like the database. The database is
opened for reading only; new runs show immediately, and no run has to wait.

Only this machine can connect. An address that other machines can reach needs
--behind-proxy: a reverse proxy signs people in, names them in --user-header,
and sends the secret in --proxy-secret-file. See docs/serve.md.`,
		Example: `  lictrail serve
  lictrail serve --listen 127.0.0.1:8080 --no-browser
  lictrail serve --listen unix:/run/lictrail/serve.sock --idle 0`,
		Args:        noArgs,
		Annotations: map[string]string{noFormats: "json,csv"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), e, cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "`address`: host:port, unix:/path of a socket, or systemd for the socket that systemd passes")
	f.BoolVar(&o.noBrowser, "no-browser", false, "do not open the page in a browser")
	f.DurationVar(&o.idle, "idle", 8*time.Hour, "end after this `time` without a request (default 8h); 0: never")
	f.StringVar(&o.linkSecret, "link-secret-file", "", "`file` with the secret of the address, which is made if it does not exist: links then remain valid after a restart")
	f.BoolVar(&o.behindProxy, "behind-proxy", false, "requests come through a reverse proxy that signs people in")
	f.StringVar(&o.userHeader, "user-header", "", "`header` in which the proxy names the person")
	f.StringVar(&o.proxySecret, "proxy-secret-file", "", "`file` with the secret that the proxy sends as "+web.SecretHeader)
	f.StringVar(&o.publicURL, "public-url", "", "`URL` under which people reach the proxy, such as https://licenses.contoso.com")
	return cmd
}

func runServe(ctx context.Context, e *env, cmd *cobra.Command, o serveOptions) error {
	proxy, err := o.proxy()
	if err != nil {
		return err
	}
	tenants, fleet, err := e.served(ctx, cmd)
	if err != nil {
		return err
	}
	secret := web.NewSecret()
	if o.linkSecret != "" {
		if err := e.mayWriteTo(place{"--link-secret-file", o.linkSecret}); err != nil {
			return err
		}
		if secret, err = web.KeptSecret(o.linkSecret); err != nil {
			return usage(err.Error(), "name a file of your own, or one that is not there yet")
		}
	}
	listener, err := web.Listen(o.listen, proxy != nil)
	switch {
	case errors.Is(err, web.ErrNotLocal):
		return usage(err.Error(), "--listen 127.0.0.1:0; for others than this machine --behind-proxy, see docs/serve.md")
	case err != nil:
		return usage(err.Error(), "--listen 127.0.0.1:0, or --listen unix:/run/lictrail/serve.sock")
	}
	defer listener.Close()
	base, err := o.base(listener)
	if err != nil {
		return err
	}
	site := web.NewSite(web.Site{Tenants: tenants, Fleet: fleet, Pseudonymize: e.pseudonymize, Version: version(), Now: e.now, Looked: e.looked})
	server := web.NewServer(web.Options{Secret: secret, Hosts: []string{base.Host}, Proxy: proxy, Idle: o.idle}, site)
	address := base.JoinPath(secret).String() + "/"
	if err := e.Printf("%s\n", address); err != nil {
		return err
	}
	e.Notef("whoever has this address can read everything; end with Ctrl-C")
	if !o.noBrowser && proxy == nil && listener.Addr().Network() == "tcp" {
		go e.openBrowser(base.String() + server.Opening(secret))
	}
	return server.Serve(ctx, listener)
}

// openBrowser opens an address as the user's system does. It may wait until the
// browser ends.
func (e *env) openBrowser(address string) {
	browser.Stdout, browser.Stderr = e.Err, e.Err // what a browser prints is no result
	if err := browser.OpenURL(address); err != nil {
		e.Notef("no browser could be opened: open the address above yourself")
	}
}

// proxy is what is trusted of a proxy; nil for none.
func (o *serveOptions) proxy() (*web.Proxy, error) {
	if !o.behindProxy {
		if o.userHeader != "" || o.proxySecret != "" || o.publicURL != "" {
			return nil, usage("--user-header, --proxy-secret-file and --public-url are of a proxy", "add --behind-proxy")
		}
		return nil, nil
	}
	if o.userHeader == "" || o.proxySecret == "" {
		return nil, usage("--behind-proxy needs --user-header and --proxy-secret-file", "docs/serve.md has an example")
	}
	secret, err := web.ReadSecret(o.proxySecret)
	if err != nil {
		return nil, usage(err.Error(), "head -c 32 /dev/urandom | basenc --base64url | tr -d = > FILE; chmod 600 FILE")
	}
	return &web.Proxy{UserHeader: o.userHeader, Secret: secret}, nil
}

// base is the address without its secret.
func (o *serveOptions) base(listener net.Listener) (*url.URL, error) {
	if o.publicURL != "" {
		u, err := url.Parse(o.publicURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, usage(fmt.Sprintf("--public-url %q is not an address such as https://licenses.contoso.com", o.publicURL), "scheme and host, and perhaps a path")
		}
		return u, nil
	}
	if listener.Addr().Network() == "unix" {
		return &url.URL{Scheme: "http", Host: "localhost"}, nil
	}
	return &url.URL{Scheme: "http", Host: listener.Addr().String()}, nil
}

// served are the tenants to show: that of the database or, with a configuration of
// several of which none is chosen, all of them. What is wrong with the database of
// one is said at once; a fleet is shown even so.
func (e *env) served(ctx context.Context, cmd *cobra.Command) (tenants []web.Tenant, fleet bool, err error) {
	if len(e.settings.TenantNames()) == 0 || e.settings.Tenant != nil || e.origins["db"].Kind == settings.FromFlag {
		book, err := ask.Open(ctx, e.db, false)
		if err != nil {
			return nil, false, err
		}
		return []web.Tenant{e.servedTenant("", e.db)}, false, book.Close()
	}
	for i := range e.settings.File.Tenants {
		s := *e.settings
		s.Tenant = &s.File.Tenants[i]
		flag := cmd.Flag("db")
		v, from := s.Lookup(cmd, flag)
		file := strings.Join(settings.Beside(flag, v.Texts, from), "")
		tenants = append(tenants, e.servedTenant(s.Tenant.Name, cmp.Or(file, e.db)))
	}
	return tenants, true, nil
}

// servedTenant is a tenant with the rules that lie beside its database: they are read
// for each answer anew, and what is wrong with them is said there.
func (e *env) servedTenant(name, file string) web.Tenant {
	return web.Tenant{Name: name, File: file, Rules: func() (ask.Rules, error) {
		own := &env{Streams: &out.Streams{Out: io.Discard, Err: io.Discard, Quiet: true}, getenv: e.getenv, db: file}
		return loadRules(own, "")
	}}
}

// looked notes who was looked up, and by whom: whatever else is quiet, this is said.
func (e *env) looked(l web.Looked) {
	e.Audit("looked up", "user", string(l.User), "by", cmp.Or(l.By, localUser()), "view", l.View)
}

// localUser is who runs the program.
func localUser() string { return cmp.Or(os.Getenv("USER"), os.Getenv("USERNAME"), "this machine") }
