package httpapi

import (
	"regexp"
	"strconv"
	"strings"

	"userapi/internal/directory"
)

// entityTag matches one entity tag (RFC 9110 §8.8.3) in a header that the contract allows.
var entityTag = regexp.MustCompile(`(W/)?("[^"]*")`)

// etag returns the entity tag of a version, a strong one.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// comparison is how to compare entity tags (RFC 9110 §8.8.3.2). Our tags are strong, so a weak
// tag from a client can match only in a weak comparison.
type comparison int

const (
	strong comparison = iota
	weak
)

// condition reads If-Match and If-None-Match.
func condition(match, noneMatch *string) directory.Condition {
	return directory.Condition{Only: versions(match, strong), Except: versions(noneMatch, weak)}
}

// versions reads If-Match or If-None-Match; nil means that there is no such header. A tag that
// this server did not make names no version.
func versions(header *string, compared comparison) *directory.Versions {
	if header == nil {
		return nil
	}
	tags := entityTag.FindAllStringSubmatch(*header, -1)
	set := &directory.Versions{Any: strings.TrimSpace(*header) == "*"}
	for _, tag := range tags {
		version, err := strconv.ParseInt(strings.Trim(tag[2], `"`), 10, 64)
		if err == nil && tag[2] == etag(version) && (tag[1] == "" || compared == weak) {
			set.Listed = append(set.Listed, version)
		}
	}
	return set
}
