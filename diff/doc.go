// Package diff compares what two snapshots show and attributes the
// differences. Its functions are pure: no I/O, no clock, no order of input
// that matters, so that the same stored snapshots and events always give the
// same answer.
package diff
