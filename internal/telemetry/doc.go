// Package telemetry makes the server's log, and serves metrics and profiles to the operator.
//
// # Words
//
// The log buffer ([LogBuffer]) is between the logger and the output of the log. It collects
// lines and writes several of them at once. If the output is stuck, it drops lines and counts
// them, so that nobody who logs ever waits.
//
// A panic error ([PanicError]) is an error that stands for a recovered panic. It is safe to log.
//
// A cause log ([CauseLog]) keeps what lasts from filling the log.
//
// Metrics are counters and durations that Prometheus reads. They are collected in a registry.
// Profiles are what /debug/pprof/ shows about the running process.
//
// # How to add something
//
// To add a metric, make it in the package that measures it, register it with the registry of [NewRegistry], and add it to
// the table in the operator's manual. A counter with labels gets all of their values at the start, because an alert cannot
// see the first rise of a counter that was not there. Only metrics about the whole process belong here. To add a log line, call the
// [slog.Logger] in the package where something happens.
//
// # Which way to take
//
// Use a metric for a number that is watched over time. Use a log line for one event that a
// person may want to look up, such as a request, a fault or a start of the server.
//
// # Errors
//
// This package translates no errors. [LogBuffer.Write] never fails: a line that cannot be written
// is dropped and counted.
//
// # What never to do
//
//   - Do not log passwords or tokens, or the path, query or body of a request: each of these
//     may hold a secret.
//   - Do not put a value that a client chooses into the label of a metric: there would be no
//     bound on their number.
//   - Do not serve [OpsHandler] where anyone but the operator can reach it: it asks for no
//     password.
package telemetry
