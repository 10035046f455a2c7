//go:build !cgo

package needcgo

// The compiler prints this text.
var _ int = "userapi contains SQLite, which is written in C: install a C compiler, for example with 'apt-get install gcc libc6-dev', and build with CGO_ENABLED=1"
