// Command userapi serves a user directory over HTTP and manages its database on the
// command line.
//
// main calls run, which parses the arguments and runs one subcommand. Each subcommand
// has its own file, for example serve.go or token.go. There, the fields of a struct are
// its flags, Validate checks their values, and Run does the work. withService opens an
// existing database for a subcommand; serve creates and migrates its own.
//
// Only this package reads flags and environment variables. It passes their values on to
// the packages that need them.
//
// To add a setting of the server, add a field to serveSettings and a row to the settings
// in README.md. If the value can be wrong, check it in serveSettings.Validate, which
// reports all faults together. A setting that the mock needs, too, belongs to listenSettings
// or logSettings. A secret must not be a flag, because process lists show flags: read it
// like USERAPI_ADMIN_TOKEN.
//
// To add a subcommand, write its struct with a Run method in a new file and add a field
// for it to commandLine. Run may take a context, which ends at SIGINT, SIGTERM and SIGHUP,
// and the standard streams.
package main
