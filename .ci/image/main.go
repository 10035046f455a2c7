// Command image writes an image as a Docker archive, which 'docker load' and 'podman load' read. It needs
// no daemon. The image contains the program, a user, and a volume for the database, and nothing else.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const (
	program = "/usr/bin/userapi"
	data    = "/data"
	user    = 65532 // nobody has this number by chance
)

func main() {
	log.SetFlags(0)
	release := flag.String("release", "", "release of the program")
	commit := flag.String("commit", "", "commit of the program")
	architecture := flag.String("architecture", "amd64", "architecture of the program")
	created := flag.Int64("created", 0, "time of the commit, in seconds since 1970")
	binary := flag.String("binary", "", "the program, linked statically")
	license := flag.String("license", "", "the license")
	output := flag.String("output", "", "where to write the archive")
	flag.Parse()
	at := time.Unix(*created, 0).UTC()
	layer, err := newLayer(at, *binary, *license)
	if err == nil {
		err = write(*output, *release, config(*release, *commit, *architecture, at), layer)
	}
	if err != nil {
		log.Fatalln("image:", err)
	}
}

// newLayer returns the files of the image.
func newLayer(at time.Time, binary, license string) (v1.Layer, error) {
	var layer bytes.Buffer
	files := tar.NewWriter(&layer)
	add := func(header tar.Header, content []byte) error {
		header.Size, header.ModTime, header.Format = int64(len(content)), at, tar.FormatPAX
		if err := files.WriteHeader(&header); err != nil {
			return err
		}
		_, err := files.Write(content)
		return err
	}
	for _, folder := range []tar.Header{
		{Name: "data/", Mode: 0o700, Uid: user, Gid: user}, // a new volume gets this owner and this mode
		{Name: "etc/", Mode: 0o755},
		{Name: "tmp/", Mode: 0o1777}, // SQLite sorts there
		{Name: "usr/", Mode: 0o755},
		{Name: "usr/bin/", Mode: 0o755},
		{Name: "usr/share/", Mode: 0o755},
		{Name: "usr/share/doc/", Mode: 0o755},
		{Name: "usr/share/doc/userapi/", Mode: 0o755},
	} {
		folder.Typeflag = tar.TypeDir
		if err := add(folder, nil); err != nil {
			return nil, err
		}
	}
	id := strconv.Itoa(user)
	for _, text := range [][2]string{
		{"etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\nuserapi:x:" + id + ":" + id + ":userapi:" + data + ":/sbin/nologin\n"},
		{"etc/group", "root:x:0:\nuserapi:x:" + id + ":\n"},
	} {
		if err := add(tar.Header{Name: text[0], Mode: 0o644}, []byte(text[1])); err != nil {
			return nil, err
		}
	}
	for _, file := range []struct {
		name, from string
		mode       int64
	}{{program[1:], binary, 0o755}, {"usr/share/doc/userapi/LICENSE", license, 0o644}} {
		content, err := os.ReadFile(file.from)
		if err != nil {
			return nil, err
		}
		if err := add(tar.Header{Name: file.name, Mode: file.mode}, content); err != nil {
			return nil, err
		}
	}
	if err := files.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
}

// config says how the image runs: as a user who is not root, in the folder of the database. The API listens
// at all addresses of the container, and the ops listener only inside.
func config(release, commit, architecture string, at time.Time) *v1.ConfigFile {
	return &v1.ConfigFile{
		Architecture: architecture,
		OS:           "linux",
		Created:      v1.Time{Time: at},
		Config: v1.Config{
			User:         fmt.Sprintf("%d:%d", user, user),
			Env:          []string{"PATH=/usr/bin", "HOME=" + data, "USERAPI_LISTEN=:8080"},
			WorkingDir:   data,
			Volumes:      map[string]struct{}{data: {}},
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			Entrypoint:   []string{program},
			Cmd:          []string{"serve"},
			Healthcheck: &v1.HealthConfig{
				Test:     []string{"CMD", program, "healthcheck"},
				Interval: 10 * time.Second, Timeout: 5 * time.Second, StartPeriod: 30 * time.Second, Retries: 3,
			},
			Labels: map[string]string{
				"org.opencontainers.image.title":    "userapi",
				"org.opencontainers.image.version":  release,
				"org.opencontainers.image.revision": commit,
				"org.opencontainers.image.created":  at.Format(time.RFC3339),
				"org.opencontainers.image.licenses": "Apache-2.0",
			},
		},
	}
}

// write writes the archive. It overwrites a file.
func write(output, release string, config *v1.ConfigFile, layer v1.Layer) error {
	image, err := mutate.ConfigFile(empty.Image, config)
	if err != nil {
		return err
	}
	image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: config.Created, CreatedBy: "make release"}})
	if err != nil {
		return err
	}
	tag, err := name.NewTag("userapi:" + release)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(output, tag, image)
}
