package httpapi

import (
	"regexp"
	"slices"
	"strconv"

	"userapi/internal/directory"
)

// entityTag matches one entity tag (RFC 9110 §8.8.3) in a header that the contract has passed.
var entityTag = regexp.MustCompile(`(W/)?("[^"]*")`)

// etag is the strong validator of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// ifMatch reads If-Match. The comparison is strong (RFC 9110 §13.1.1): a weak tag, or
// one that is not ours, matches no version.
func ifMatch(header *string) directory.Condition {
	switch {
	case header == nil:
		return directory.Condition{}
	case !entityTag.MatchString(*header):
		return directory.Condition{Set: true, Any: true}
	}
	condition := directory.Condition{Set: true}
	for _, match := range entityTag.FindAllStringSubmatch(*header, -1) {
		version, err := strconv.ParseInt(match[2][1:len(match[2])-1], 10, 64)
		if match[1] == "" && err == nil && match[2] == etag(version) {
			condition.Versions = append(condition.Versions, version)
		}
	}
	return condition
}

// noneMatch reports whether If-None-Match lets a GET of this version answer 200. The
// comparison is weak (RFC 9110 §13.1.2).
func noneMatch(header *string, version int64) bool {
	switch {
	case header == nil:
		return true
	case !entityTag.MatchString(*header):
		return false
	}
	return !slices.ContainsFunc(entityTag.FindAllStringSubmatch(*header, -1), func(match []string) bool {
		return match[2] == etag(version)
	})
}
