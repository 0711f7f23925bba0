package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"lictrail/cmd/lictrail/internal/notify/notifytest"
)

// inbox receives what one script sends.
type inbox struct {
	server *httptest.Server
	office notifytest.PostOffice

	mu      sync.Mutex
	answers []int // to webhooks; the last is given for ever
	got     []string
}

var inboxes = map[string]*inbox{} // by working directory

// inboxCommand is the command of scripts that receives notifications:
//
//	inbox open           points $INBOX and $SMTP_PORT at receivers on this machine
//	inbox answers CODE...  what webhooks are answered from now on, the last for ever
//	inbox show FILE      writes what came by webhook to the file, and forgets it
//	inbox mails FILE     writes what came by mail to the file
func inboxCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: inbox open|answers|show|mails")
	}
	dir := ts.Getenv("WORK")
	if args[0] == "open" {
		b := &inbox{answers: []int{http.StatusOK}}
		b.server = httptest.NewServer(b)
		ts.Defer(b.server.Close)
		port, closed, err := b.office.Open()
		ts.Check(err)
		ts.Defer(func() { closed() })
		ts.Setenv("INBOX", b.server.URL)
		ts.Setenv("SMTP_PORT", port)
		inboxes[dir] = b
		return
	}
	b := inboxes[dir]
	if b == nil || len(args) < 2 {
		ts.Fatalf("inbox open comes first, and %s needs an argument", args[0])
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch args[0] {
	case "answers":
		b.answers = nil
		for _, a := range args[1:] {
			code, err := strconv.Atoi(a)
			ts.Check(err)
			b.answers = append(b.answers, code)
		}
	case "show":
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(b.got, "")), 0o600))
		b.got = nil
	case "mails":
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(b.office.Mails(), "")), 0o600))
	}
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	code := b.answers[0]
	if len(b.answers) > 1 {
		b.answers = b.answers[1:]
	}
	var text bytes.Buffer
	if err := json.Indent(&text, body, "", "  "); err != nil {
		text.Write(body)
	}
	b.got = append(b.got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+"\n"+text.String()+"\n")
	w.WriteHeader(code)
	if code == http.StatusOK {
		io.WriteString(w, "ok")
		return
	}
	w.Write(body) // as a proxy might that shows what it refuses
}
