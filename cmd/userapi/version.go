package main

import (
	"fmt"
	"runtime/debug"

	"userapi/gen/api"
)

type versionCommand struct{}

// Run prints the program's version, the contract's, and Go's.
func (versionCommand) Run(out output) error {
	spec, err := api.GetSpec()
	if err != nil {
		return err
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("the program has no build information")
	}
	_, err = fmt.Fprintf(out.stdout, "userapi %s, contract %s, %s\n", build.Main.Version, spec.Info.Version, build.GoVersion)
	return err
}
