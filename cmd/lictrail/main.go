// Command lictrail keeps the history of Microsoft 365 license assignments.
package main

import (
	"os"

	"lictrail/cmd/lictrail/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
