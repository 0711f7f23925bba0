//go:build faults

package faults

const heavy = true
