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
		return fmt.Errorf("the program has no build information")
	}
	_, err = fmt.Fprintf(std.stdout, "userapi %s, contract %s, %s\n", build.Main.Version, described.Version(), build.GoVersion)
	return err
}
