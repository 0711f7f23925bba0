package graph

import (
	"context"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	sdk "github.com/microsoftgraph/msgraph-sdk-go/users"

	"lictrail/snapshot"
)

const (
	// signInPage is the most that Graph takes with signInActivity:
	// learn.microsoft.com/graph/api/resources/signinactivity.
	signInPage = 500
	// signInLag is how late sign-ins may show.
	signInLag = 24 * time.Hour
)

// signInsSince is from when on Graph knows of both interactive and
// non-interactive sign-ins (the same page).
var signInsSince = time.Date(2020, time.May, 1, 0, 0, 0, 0, time.UTC)

// SignIns reads when each user last signed in, in a pass of its own: Graph
// gives smaller pages for it, from a budget of its own, and only to tenants
// with Entra ID P1 or P2. A row has the newest successful sign-in or, where
// Graph has none, the newest attempt of either kind. No other option is asked for: with some of them the
// answers were empty (msgraph-sdk-powershell issue 1898).
func (c *Client) SignIns(ctx context.Context, page func([]snapshot.ActivityRow) error, restart func() error) (snapshot.ActivityRead, error) {
	r := c.newReader(opSignIns)
	r.pace = c.signIns
	top := min(c.opts.PageSize, signInPage)
	p := &pager[snapshot.ActivityRow]{
		reader: r,
		first: func(ctx context.Context) (*abstractions.RequestInformation, error) {
			return sdk.NewUsersRequestBuilderInternal(c.path(), c.adapter).ToGetRequestInformation(ctx,
				&sdk.UsersRequestBuilderGetRequestConfiguration{
					QueryParameters: &sdk.UsersRequestBuilderGetQueryParameters{Select: []string{"id", "signInActivity"}, Top: &top},
				})
		},
		key:  func(s snapshot.ActivityRow) string { return string(s.User) },
		row:  each(clearRow[wireSignIn], (*wireSignIn).signIn),
		opts: new(interner).options(),
	}
	stats, err := p.run(ctx, page, restart)
	return snapshot.ActivityRead{Source: snapshot.SignIns, Since: signInsSince, Until: stats.ObservedAt.Add(-signInLag)}, err
}

type wireSignIn struct {
	ID             string `json:"id"`
	SignInActivity struct {
		LastSuccessful     instant `json:"lastSuccessfulSignInDateTime"`
		LastInteractive    instant `json:"lastSignInDateTime"`
		LastNonInteractive instant `json:"lastNonInteractiveSignInDateTime"`
	} `json:"signInActivity"`
}

// signIn prefers what succeeded: a wrong password keeps no seat in use. Graph
// has that since December 2023 only, so that an attempt is what is known of
// those who were last here before. Both of the attempts are not needed.
func (w *wireSignIn) signIn() (snapshot.ActivityRow, error) {
	s := snapshot.ActivityRow{User: snapshot.NormalID(snapshot.UserID(w.ID)), Source: snapshot.SignIns}
	p := rowProblem{kind: "user", name: string(s.User)}
	a := &w.SignInActivity
	newest := snapshot.Use{Kind: snapshot.SignedIn, At: p.at("lastSuccessfulSignInDateTime", a.LastSuccessful)}
	interactive := snapshot.Use{Kind: snapshot.TriedInteractive, At: p.at("lastSignInDateTime", a.LastInteractive)}
	silent := snapshot.Use{Kind: snapshot.TriedNonInteractive, At: p.at("lastNonInteractiveSignInDateTime", a.LastNonInteractive)}
	if newest.At.IsZero() {
		newest = interactive
	}
	if newest.Kind != snapshot.SignedIn && silent.At.After(newest.At) {
		newest = silent
	}
	if !newest.At.IsZero() {
		s.Uses = []snapshot.Use{newest}
	}
	return s, p.err
}
