// Package faults holds the tests that do harm: they kill the program at each
// system call, fill its disk, take its locks, answer it with nonsense, and then
// ask whether history is the old or the new one and still verifies. There is no
// code in it that is not a test.
//
//	go test ./cmd/lictrail/internal/faults               the short forms
//	go test -tags faults -timeout 4h ./cmd/lictrail/internal/faults    all of it
//
// The long form leaves nothing out: what it needs and does not find, such as
// strace, fails it. With -update it writes its figures to testdata/figures.json
// and into docs/reliability.md.
package faults
