package main

import (
	"fmt"
	"runtime/debug"

	"userapi/internal/contract"
)

type versionCommand struct{}

// Run prints the versions of the program, of the contract and of Go.
func (versionCommand) Run(std streams) error {
	described, err := contract.Load()
	if err != nil {
		return err
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("this userapi was built without version information: build it with 'make build'")
	}
	_, err = fmt.Fprintf(std.stdout, "userapi %s, contract %s, %s\n", build.Main.Version, described.Version(), build.GoVersion)
	return err
}
