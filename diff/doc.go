// Package diff compares two snapshots and attributes the differences. Its functions are
// pure: they do no I/O, read no clock and do not depend on the order of their input, so
// that the same stored snapshots and events always give the same answer.
//
// # Attribution
//
// A user may hold a SKU by several paths: directly, and by groups. An audit record
// names only the SKU, and the end of a path leaves no record while another path
// holds the SKU. Attribution therefore does not look for a record that fits a
// change. For each user and SKU it goes through four stages:
//
//  1. scene.go gathers what is known: the paths in both snapshots with Microsoft's
//     dates of their rows, the records on the user's licenses, the records on
//     memberships and on the licenses of groups, the deletion of the account, and the
//     times for which the log was read.
//  2. Package replay lists the histories that fit all of it. Each has a cost for
//     records that it lacks and for unusual behavior of the licensing engine. The
//     cheapest are kept.
//  3. conclude.go states what the kept histories share: the cause, the person, the
//     group and the time, each on its own. Where the histories differ, the answer is
//     unknown, with the reason why. It also finds the changes that only the log shows.
//  4. group.go finds who is behind the step of a group, account.go who deleted or
//     restored an account, and party.go what sort of party an actor is.
//     attribute_reasons.go writes the sentence.
//
// Changes of service plans (attribute_plans.go), of the state of a row (state.go) and
// of the tenant (attribute_tenant.go) have one record or none, and are not replayed.
//
// [Rules] is the version of these rules; raise it with every change after which the
// same evidence may lead to another result. docs/attribution.md explains the model, and
// names the test file of each rule.
package diff
