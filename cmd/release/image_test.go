package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestImage: an archive is the same every time; each of its parts is under its
// digest, from the index down to the files; it runs as nobody, who may write to /data
// alone, and trusts the authorities that a program on Linux trusts.
func TestImage(t *testing.T) {
	entries := []entry{{"lictrail", 0o755, []byte("program")}, {"LICENSE", 0o644, []byte("MIT")}, {"LICENSES.txt", 0o644, []byte("all")}, {"sbom.cdx.json", 0o644, []byte("{}")}, {"README.md", 0o644, []byte("read")}}
	data, err := image("0.1.0", "arm64", "", entries, when)
	if err != nil {
		t.Fatal(err)
	}
	turned := slices.Clone(entries)
	slices.Reverse(turned)
	if again, err := image("0.1.0", "arm64", "", turned, when); err != nil || !bytes.Equal(data, again) {
		t.Errorf("two images of the same files differ: %v", err)
	}
	if _, err := image("0.1.0", "arm64", "", entries[:3], when); err == nil {
		t.Error("an image without a bill of materials was made")
	}
	blobs := map[string][]byte{}
	untar(t, data, func(h *tar.Header, data []byte) { blobs[h.Name] = data })
	type descriptor struct {
		MediaType, Digest string
		Size              int
		Platform          struct{ OS, Architecture string }
		Annotations       map[string]string
	}
	follow := func(d descriptor) []byte {
		t.Helper()
		blob, ok := blobs["blobs/"+strings.Replace(d.Digest, ":", "/", 1)]
		if !ok || len(blob) != d.Size || d.Digest != fmt.Sprintf("sha256:%x", sha256.Sum256(blob)) {
			t.Fatalf("%+v leads to %d bytes", d, len(blob))
		}
		return blob
	}
	decode := func(data []byte, to any) {
		t.Helper()
		if err := json.Unmarshal(data, to); err != nil {
			t.Fatal(err)
		}
	}
	var layout struct{ ImageLayoutVersion string }
	decode(blobs["oci-layout"], &layout)
	var index struct{ Manifests []descriptor }
	decode(blobs["index.json"], &index)
	if layout.ImageLayoutVersion != "1.0.0" || len(index.Manifests) != 1 || index.Manifests[0].Platform.Architecture != "arm64" {
		t.Fatalf("%+v %+v", layout, index)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(follow(index.Manifests[0]), &manifest)
	var config struct {
		Architecture, OS string
		Config           struct {
			User       string
			Entrypoint []string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	decode(follow(manifest.Config), &config)
	z, err := gzip.NewReader(bytes.NewReader(follow(manifest.Layers[0])))
	if err != nil {
		t.Fatal(err)
	}
	layer, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != "arm64" || config.OS != "linux" || config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/lictrail"}) ||
		!slices.Equal(config.RootFS.DiffIDs, []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}) {
		t.Errorf("%+v", config)
	}
	var got []string
	pool := x509.NewCertPool()
	untar(t, layer, func(h *tar.Header, data []byte) {
		got = append(got, fmt.Sprintf("%o %d %s", h.Mode, h.Uid, h.Name))
		if strings.HasSuffix(h.Name, ".crt") && !pool.AppendCertsFromPEM(data) {
			t.Error("no certificate can be read")
		}
	})
	want := []string{"755 0 etc/", "755 0 etc/ssl/", "755 0 etc/ssl/certs/", "755 0 licenses/", "700 65532 data/", "644 0 etc/ssl/certs/ca-certificates.crt",
		"644 0 licenses/LICENSE", "644 0 licenses/LICENSES.txt", "644 0 licenses/sbom.cdx.json", "755 0 lictrail"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	microsoft := false
	for rest := certificates(); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		microsoft = microsoft || strings.Contains(c.Subject.CommonName, "DigiCert Global Root G2") // of graph.microsoft.com
	}
	if !microsoft {
		t.Error("the authority of Microsoft's endpoints is not trusted")
	}
}

func untar(t *testing.T, archive []byte, each func(*tar.Header, []byte)) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		each(h, data)
	}
}
