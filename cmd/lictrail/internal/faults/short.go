//go:build !faults

package faults

// heavy: every test in full, and none may be left out.
const heavy = false
