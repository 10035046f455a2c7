package httpapi

import (
	"regexp"
	"strconv"
	"strings"

	"userapi/internal/directory"
)

// entityTag matches one entity tag (RFC 9110 §8.8.3) in a header that the contract has passed.
var entityTag = regexp.MustCompile(`(W/)?("[^"]*")`)

// etag is the strong validator of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// comparison is how entity tags are compared (RFC 9110 §8.8.3.2): our own are strong,
// so a weak one that was sent can match in a weak comparison only.
type comparison int

const (
	strong comparison = iota
	weak
)

// condition reads If-Match and If-None-Match.
func condition(match, noneMatch *string) directory.Condition {
	return directory.Condition{Only: versions(match, strong), Except: versions(noneMatch, weak)}
}

// versions reads If-Match or If-None-Match. A tag that is not ours names no version.
func versions(header *string, compared comparison) *directory.Versions {
	if header == nil {
		return nil
	}
	tags := entityTag.FindAllStringSubmatch(*header, -1)
	set := &directory.Versions{Any: tags == nil} // "*"
	for _, tag := range tags {
		version, err := strconv.ParseInt(strings.Trim(tag[2], `"`), 10, 64)
		if err == nil && tag[2] == etag(version) && (tag[1] == "" || compared == weak) {
			set.Listed = append(set.Listed, version)
		}
	}
	return set
}
