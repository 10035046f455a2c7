package main

import (
	"fmt"
	"runtime/debug"

	"userapi/internal/httpapi"
)

type versionCommand struct{}

// Run prints the program's version, the contract's, and Go's.
func (versionCommand) Run(std streams) error {
	contract, err := httpapi.ContractVersion()
	if err != nil {
		return err
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("the program has no build information")
	}
	_, err = fmt.Fprintf(std.stdout, "userapi %s, contract %s, %s\n", build.Main.Version, contract, build.GoVersion)
	return err
}
