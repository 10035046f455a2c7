package httpapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
)

// file is a fixed answer outside the API. Its two encodings have different strong entity tags
// (RFC 9110 §8.8.3.3).
type file struct {
	mediaType string
	tag       string                 // the digest, without quotes
	plain     func() ([]byte, error) // as it is without a content coding
	gzipped   func() ([]byte, error) // returns nil if gzip does not make it smaller
}

// newFile returns a file that is compressed once, when a client first asks for it.
func newFile(mediaType string, content []byte) *file {
	plain := func() ([]byte, error) { return content, nil }
	return &file{mediaType, digest(content), plain, sync.OnceValues(func() ([]byte, error) { return compress(content) })}
}

// compress returns nil if the content does not become smaller.
func compress(content []byte) ([]byte, error) {
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := zip.Write(content); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	if packed.Len() >= len(content) {
		return nil, nil
	}
	return packed.Bytes(), nil
}

// newPackedFile returns a file that is compressed already. It is unpacked once, when the first
// client that does not accept gzip asks for it.
func newPackedFile(mediaType string, gzipped []byte) *file {
	unpack := sync.OnceValues(func() ([]byte, error) {
		zip, err := gzip.NewReader(bytes.NewReader(gzipped))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(zip)
	})
	return &file{mediaType, digest(gzipped), unpack, func() ([]byte, error) { return gzipped, nil }}
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// serve answers GET and HEAD. It does not support ranges. A cache may keep the file but must ask
// each time whether it is still valid, because another version of the server has other files
// under the same names.
func (f *file) serve(c echo.Context) error {
	header, sent := c.Response().Header(), c.Request().Header
	gzipped, err := f.gzipped()
	if err != nil {
		return err
	}
	packed := gzipped != nil && acceptsGzip(sent["Accept-Encoding"])
	tag := `"` + f.tag + `"`
	if packed {
		tag = `"` + f.tag + `-gzip"`
	}
	if only := sent["If-Match"]; only != nil && !names(only, tag, strong) {
		return &requestError{Code: api.ProblemCodePreconditionFailed, Detail: "The file has another version."}
	}
	header.Set(echo.HeaderCacheControl, "no-cache")
	header.Set("ETag", tag)
	if gzipped != nil {
		header.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	}
	if except := sent["If-None-Match"]; except != nil && names(except, tag, weak) {
		return c.NoContent(http.StatusNotModified)
	}
	if packed {
		header.Set(echo.HeaderContentEncoding, "gzip")
		return f.send(c, gzipped)
	}
	content, err := f.plain()
	if err != nil {
		return err
	}
	return f.send(c, content)
}

// send sets Content-Length, because net/http knows the length only of short answers.
func (f *file) send(c echo.Context, content []byte) error {
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(content)))
	return c.Blob(http.StatusOK, f.mediaType, content)
}

// names reports whether If-Match or If-None-Match names a strong entity tag.
func names(lines []string, tag string, compared comparison) bool {
	list := strings.Join(lines, ", ")
	if strings.TrimSpace(list) == "*" {
		return true
	}
	for _, listed := range entityTag.FindAllStringSubmatch(list, -1) {
		if listed[2] == tag && (listed[1] == "" || compared == weak) {
			return true
		}
	}
	return false
}

// acceptsGzip reports whether a client prefers gzip to no coding (RFC 9110 §12.5.3).
func acceptsGzip(lines []string) bool {
	weights := map[string]float64{}
	for element := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		coding, parameters, err := mime.ParseMediaType(element)
		if err != nil {
			continue
		}
		weights[coding] = 1
		if text, ok := parameters["q"]; ok {
			weights[coding], _ = strconv.ParseFloat(text, 64) // 0 if it is no number
		}
	}
	weight, named := weights["gzip"]
	if !named {
		weight = weights["*"]
	}
	return weight > 0 && weight >= weights["identity"]
}
