package graph

import (
	"errors"
	"strings"
	"testing"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// TestPrincipal: whose an application is does not depend on its name.
func TestPrincipal(t *testing.T) {
	const other = "9d3cbb5e-0d4c-4a6e-9c53-2f1f6d0b7a11"
	tenant := graphtest.New(1)
	own, bought := tenant.AddApp("Signup"), tenant.AddForeignApp("License Tool", other)
	_, c := simulate(t, tenant, func(*Options) {})
	for _, tt := range []struct {
		app  graphtest.Actor
		want string
	}{
		{own, tenant.ID}, {bought, other}, {graphtest.SignUp, graphtest.MicrosoftServices}, {graphtest.PowerBIService, graphtest.MicrosoftCorp},
	} {
		p, err := c.Principal(t.Context(), strings.ToUpper(tt.app.ID))
		want := snapshot.Principal{ID: tt.app.ID, AppID: tt.app.AppID, Owner: snapshot.NormalID(snapshot.TenantID(tt.want)), Name: tt.app.Name}
		if err != nil || p != want {
			t.Errorf("%s: %+v, %v; want %+v", tt.app.Name, p, err, want)
		}
	}
	if p, err := c.Principal(t.Context(), other); err != nil || p != (snapshot.Principal{ID: other, Gone: true}) {
		t.Errorf("an unknown id: %+v, %v", p, err)
	}
	if _, err := c.Principal(t.Context(), "../users"); !errors.Is(err, ErrIncomplete) {
		t.Errorf("no id: %v", err)
	}
	_, c = simulate(t, tenant, func(*Options) {}, graphtest.WithScopes("User.Read.All"))
	var e *Error
	if _, err := c.Principal(t.Context(), own.ID); !errors.Is(err, ErrAuth) || !errors.As(err, &e) || !strings.Contains(e.Hint, "Application.Read.All") {
		t.Errorf("without permission: %v", err)
	}
}
