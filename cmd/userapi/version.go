package main

import (
	_ "embed"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/contract"
	"userapi/internal/store/postgres"
	"userapi/internal/store/sqlite"
)

// archivedCommit is the commit and its time in seconds in a tarball, which 'git archive' has made.
// Anywhere else it is a placeholder.
//
//go:embed commit.txt
var archivedCommit string

// buildInfo says which userapi this is. The command line, the log and the metrics all show it.
type buildInfo struct {
	release  string // has the same number as the contract
	commit   string // or "unknown"; "-dirty" follows if files were changed after it
	contract string
}

// readBuildInfo fails only if the contract cannot be read.
func readBuildInfo() (buildInfo, error) {
	described, err := contract.Load()
	if err != nil {
		return buildInfo{}, err
	}
	return buildInfo{release: described.Version(), commit: commit(archivedCommit, buildSettings()), contract: described.Version()}, nil
}

// buildSettings returns how the program was built.
func buildSettings() []debug.BuildSetting {
	if build, ok := debug.ReadBuildInfo(); ok {
		return build.Settings
	}
	return nil
}

// commit returns the commit that userapi was built from. What the archive says comes first, because a
// tarball can be unpacked inside the repository of something else.
func commit(archived string, settings []debug.BuildSetting) string {
	if match := regexp.MustCompile(`^([0-9a-f]{40,64}) [0-9]+\n?$`).FindStringSubmatch(archived); match != nil {
		return match[1]
	}
	revision, dirty := "unknown", ""
	for _, setting := range settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			dirty = "-dirty"
		}
	}
	return revision + dirty
}

// String is the line that 'userapi version' prints.
func (b buildInfo) String() string {
	return fmt.Sprintf("userapi %s, commit %s, contract %s, schema %d on SQLite and %d on PostgreSQL, %s",
		b.release, b.commit, b.contract, sqlite.NewestSchema, postgres.NewestSchema(), runtime.Version())
}

// logBuild writes the first line of the log, which says which userapi starts.
func logBuild(logger *slog.Logger, schema int64) (buildInfo, error) {
	b, err := readBuildInfo()
	if err == nil {
		logger.Info("starting", "release", b.release, "commit", b.commit, "contract", b.contract, "schema", schema, "go", runtime.Version())
	}
	return b, err
}

// metric returns a metric that is always 1. Its labels say which userapi this is.
func (b buildInfo) metric(schema int64) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "userapi_build_info",
		Help: "Always 1. The labels say which userapi this is.",
		ConstLabels: prometheus.Labels{
			"release": b.release, "commit": b.commit, "contract": b.contract, "schema": strconv.FormatInt(schema, 10), "go": runtime.Version(),
		},
	})
	info.Set(1)
	return info
}

type versionCommand struct{}

// Run prints the versions of the program, of the contract, of the schemas and of Go.
func (versionCommand) Run(std streams) error {
	build, err := readBuildInfo()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.stdout, build)
	return err
}

// versionFlag makes --version the same as the command version.
type versionFlag bool

// BeforeReset is called by kong if the flag is given.
func (versionFlag) BeforeReset(parser *kong.Kong) error {
	if err := (versionCommand{}).Run(streams{stdout: parser.Stdout}); err != nil {
		return err
	}
	parser.Exit(0)
	return nil
}
