// Command release makes what is published of a version: for every platform an
// archive with the program, its manual pages, completions, licenses and a bill of
// materials; for Linux packages and container images; what winget, Scoop and Homebrew need to know of the
// archives; and the sums of all. It needs Go and git, and nothing else.
//
//	go run -trimpath ./cmd/release -dir dist
//
// The same commit gives the same bytes wherever it is built by the same Go.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

const platforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

func main() {
	dir := flag.String("dir", "dist", "`folder` to write to; it must be empty or new")
	targets := flag.String("targets", platforms, "`platforms` to build for")
	address := flag.String("home", home, "`address` below which releases are published, for packages and manifests (default that of product.go)")
	modified := flag.Bool("modified", false, "build what is not committed, to try things")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := &release{dir: *dir, targets: strings.Split(*targets, ","), home: strings.TrimSuffix(*address, "/"), modified: *modified, archives: map[string]string{}}
	if err := r.make(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}
