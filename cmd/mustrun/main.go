// Command mustrun reads what go test -json writes, shows what people need of it,
// and fails if a test failed, or if one that must run did not run or was skipped.
// A test that is skipped without a word proves as little as one that is deleted.
//
//	go test -json ./... | go run ./cmd/mustrun
//
// Which tests must run stands in tests.txt beside this file.
package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

//go:embed tests.txt
var listed string

func main() {
	must, err := parse(listed)
	if err == nil {
		err = report(os.Stdin, os.Stdout, must)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mustrun:", err)
		os.Exit(1)
	}
}

// test is one of the tests that must run.
type test struct {
	id    name
	needs string // what it may be skipped for the lack of; "" for nothing
}

// name is a test's, with its package less the module.
type name struct{ pkg, test string }

func (n name) String() string { return n.pkg + " " + n.test }

// parse reads a list of tests: on each line the package, the test and, if it may be
// skipped, "needs" and what for.
func parse(text string) ([]test, error) {
	var list []test
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) == 1 || len(f) == 3 || len(f) > 3 && f[2] != "needs" {
			return nil, fmt.Errorf("tests.txt, line %d: want a package, a test and, if it may be skipped, needs and what", i+1)
		}
		t := test{id: name{f[0], f[1]}}
		if len(f) > 3 {
			t.needs = strings.Join(f[3:], " ")
		}
		if slices.ContainsFunc(list, func(o test) bool { return o.id == t.id }) {
			return nil, fmt.Errorf("tests.txt, line %d: %s stands there twice", i+1, t.id)
		}
		list = append(list, t)
	}
	if len(list) == 0 {
		return nil, errors.New("tests.txt names no test")
	}
	return list, nil
}

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output string
}

// module is this one's, without which packages are named.
const module = "lictrail/"

// run is what became of all tests.
type run struct {
	out    io.Writer
	result map[name]string   // run, and then pass, fail or skip
	said   map[name][]string // output of tests, until they have passed
	failed bool
}

// report reads events to their end, shows them, and says what is wrong.
func report(in io.Reader, out io.Writer, must []test) error {
	r := &run{out: out, result: map[name]string{}, said: map[name][]string{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil { // go itself says something
			fmt.Fprintln(out, lines.Text())
			continue
		}
		r.add(&e)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return r.judge(must)
}

func (r *run) add(e *event) {
	n := name{strings.TrimPrefix(e.Package, module), e.Test}
	switch e.Action {
	case "output":
		if e.Test == "" {
			fmt.Fprint(r.out, e.Output)
			return
		}
		r.said[n] = append(r.said[n], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.failed = true
	case "fail":
		r.failed = true
		fmt.Fprint(r.out, strings.Join(r.said[n], ""))
		r.result[n] = e.Action
		if e.Test == "" {
			r.cutOff(e.Package)
		}
	case "run", "skip":
		r.result[n] = e.Action
	case "pass":
		r.result[n] = e.Action
		delete(r.said, n)
	}
}

// longest is how many lines are shown of what a test said that did not end: the
// goroutines of a test that is stuck fill thousands.
const longest = 200

// cutOff shows what the tests said that a package began and did not end: a panic
// or a timeout is reported by whichever test was running.
func (r *run) cutOff(pkg string) {
	for _, n := range slices.SortedFunc(maps.Keys(r.result), byName) {
		if n.pkg == strings.TrimPrefix(pkg, module) && n.test != "" && r.result[n] == "run" {
			last := min(len(r.said[n]), longest)
			fmt.Fprintf(r.out, "did not end: %s\n%s", n, strings.Join(r.said[n][:last], ""))
		}
	}
}

func byName(a, b name) int { return strings.Compare(a.String(), b.String()) }

// judge reports what was skipped, and fails if anything that had to pass did not.
func (r *run) judge(must []test) error {
	var wrong []string
	lacking := 0
	for _, t := range must {
		switch state := r.state(t.id); {
		case state == "pass":
		case state == "skip" && t.needs != "":
			lacking++
		case state == "skip":
			wrong = append(wrong, t.id.String()+" was skipped"+r.why(t.id))
		case state == "":
			wrong = append(wrong, t.id.String()+" did not run")
		case state == "run":
			wrong = append(wrong, t.id.String()+" did not end")
		default:
			wrong = append(wrong, t.id.String()+" failed")
		}
	}
	for _, n := range slices.SortedFunc(maps.Keys(r.result), byName) {
		if n.test != "" && r.result[n] == "skip" {
			fmt.Fprintf(r.out, "skipped: %s%s\n", n, r.why(n))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("of %d tests that must run:\n  %s", len(must), strings.Join(wrong, "\n  "))
	}
	if r.failed {
		return errors.New("a test or a build failed")
	}
	fmt.Fprintf(r.out, "all %d tests that must run have run", len(must))
	if lacking > 0 {
		fmt.Fprintf(r.out, ", but for %d that lacked what it needs", lacking)
	}
	fmt.Fprintln(r.out)
	return nil
}

// state is what became of a test. One of which every part was skipped was itself.
func (r *run) state(n name) string {
	state := r.result[n]
	parts, skipped := 0, 0
	for part, result := range r.result {
		if part.pkg == n.pkg && strings.HasPrefix(part.test, n.test+"/") {
			parts++
			if result == "skip" {
				skipped++
			}
		}
	}
	if state == "pass" && parts > 0 && skipped == parts {
		return "skip"
	}
	return state
}

// why is what a test said last before it was skipped.
func (r *run) why(n name) string {
	for _, line := range slices.Backward(r.said[n]) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return ": " + line
		}
	}
	return ""
}
