package graphtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// deviceCode begins a sign-in with a code (RFC 8628). The lock is held.
func (a *Authority) deviceCode(form url.Values, asked *AuthorityRequest) (any, *refused) {
	asked.Grant = "begin"
	app, err := a.application(form)
	if err != nil {
		return nil, err
	}
	resource, err := a.resource(form, asked, true)
	if err != nil {
		return nil, err
	}
	if !app.Public {
		return nil, notPublic()
	}
	code := rand.Text()
	a.codes[code] = &flow{client: asked.ClientID, resource: resource}
	return map[string]any{
		"device_code": code, "user_code": "GRAPHTEST", "verification_uri": a.base + "/device", "expires_in": 900, "interval": 5,
		"message": "To sign in, use a web browser to open the page " + a.base + "/device and enter the code GRAPHTEST to authenticate.",
	}, nil
}

func notPublic() *refused {
	return refuse(http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
}

// forPerson ends a sign-in of a person. The lock is held.
func (a *Authority) forPerson(app *App, form url.Values, asked *AuthorityRequest) (any, *refused) {
	if !app.Public {
		return nil, notPublic()
	}
	f, err := a.flowOf(form, asked)
	if err != nil {
		return nil, err
	}
	if asked.Grant == "refresh_token" || asked.Grant == "authorization_code" {
		if f.resource, err = a.resource(form, asked, true); err != nil {
			return nil, err
		}
	}
	if app.Refused != 0 {
		return nil, refuse(http.StatusBadRequest, "invalid_grant", app.Refused, "Access has been blocked for %s.", a.Person)
	}
	token, until := a.issue(f.client, f.resource)
	refresh := "1.refresh-" + rand.Text()
	a.refresh[refresh] = f.client
	const oid = "5a0bb4f3-2f0c-4e3a-9f43-3f1d8a0f6c11"
	client, _ := json.Marshal(map[string]string{"uid": oid, "utid": a.Tenant})
	return map[string]any{
		"token_type": "Bearer", "scope": f.resource + "/.default", "expires_in": int(a.life().Seconds()), "access_token": token, "refresh_token": refresh,
		"client_info": base64.RawURLEncoding.EncodeToString(client),
		"id_token": jwt(map[string]any{"aud": f.client, "iss": a.base + "/" + a.Tenant + "/v2.0", "tid": a.Tenant, "oid": oid, "sub": "graphtest-sub",
			"preferred_username": a.Person, "name": "Ann", "exp": until.Unix(), "iat": a.now().Unix(), "nbf": a.now().Unix(), "ver": "2.0"}),
	}, nil
}

// flowOf finds the sign-in that a request goes on with.
func (a *Authority) flowOf(form url.Values, asked *AuthorityRequest) (*flow, *refused) {
	bad := func(kind string, code int, description string) *refused {
		return refuse(http.StatusBadRequest, kind, code, "%s", description)
	}
	if asked.Grant == "refresh_token" {
		if a.refresh[form.Get("refresh_token")] != asked.ClientID {
			return nil, bad("invalid_grant", 70000, "The refresh token is not valid.")
		}
		return &flow{client: asked.ClientID}, nil
	}
	name := map[string]string{"device_code": "device_code", "authorization_code": "code"}[asked.Grant]
	f := a.codes[form.Get(name)]
	if f == nil || f.client != asked.ClientID {
		return nil, bad("bad_verification_code", 70000, "The code is not valid.")
	}
	if asked.Grant == "device_code" {
		if f.polls++; f.polls <= a.Polls {
			return nil, bad("authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
		}
		if a.Fate != "" {
			return nil, bad(a.Fate, map[string]int{"expired_token": 70020}[a.Fate], "The code was "+a.Fate+".")
		}
	} else if err := f.proveBrowser(form); err != nil {
		return nil, err
	}
	delete(a.codes, form.Get(name))
	return f, nil
}

// proveBrowser checks that who brings a code is who asked for it (RFC 7636).
func (f *flow) proveBrowser(form url.Values) *refused {
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != f.challenge || form.Get("redirect_uri") != f.redirect {
		return refuse(http.StatusBadRequest, "invalid_grant", 501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	return nil
}

// formPost is the page by which a browser takes an answer back. See
// openid.net/specs/oauth-v2-form-post-response-mode-1_0.html.
var formPost = template.Must(template.New("").Parse(`<html><body onload="document.forms[0].submit()">
<form method="post" action="{{.Back}}"><input type="hidden" name="code" value="{{.Code}}"/><input type="hidden" name="state" value="{{.State}}"/></form>
</body></html>`))

// authorize sends a browser back with a code: the person has agreed.
func (a *Authority) authorize(w http.ResponseWriter, r *http.Request) *refused {
	query := r.URL.Query()
	a.mu.Lock()
	defer a.mu.Unlock()
	app, err := a.application(query)
	if err != nil {
		return err
	}
	back, parseErr := url.Parse(query.Get("redirect_uri"))
	// The port of a loopback address does not count (RFC 8252, 7.3).
	known := parseErr == nil && slices.Contains(app.Redirects, back.Scheme+"://"+back.Hostname())
	switch {
	case !known:
		return refuse(http.StatusBadRequest, "invalid_request", 50011, "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application.", query.Get("redirect_uri"))
	case query.Get("response_type") != "code" || query.Get("code_challenge_method") != "S256" || query.Get("state") == "" || !strings.Contains(query.Get("scope"), "/.default"):
		return refuse(http.StatusBadRequest, "invalid_request", 900144, "The request must contain response_type, code_challenge_method, state and scope.")
	}
	code := rand.Text()
	a.codes[code] = &flow{client: query.Get("client_id"), redirect: query.Get("redirect_uri"), challenge: query.Get("code_challenge")}
	if query.Get("response_mode") == "form_post" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = formPost.Execute(w, struct{ Back, Code, State string }{back.String(), code, query.Get("state")})
		return nil
	}
	answer := back.Query()
	answer.Set("code", code)
	answer.Set("state", query.Get("state"))
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
	return nil
}
