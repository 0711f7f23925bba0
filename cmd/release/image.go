package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// nobody owns what the container writes, and runs its program.
const nobody = 65532

// image packs a container image of the program, as an archive of the OCI image
// layout (https://github.com/opencontainers/image-spec): for podman load, docker
// load and skopeo copy oci-archive:FILE. It has the program, the certificates that
// it needs, and licenses: neither a shell nor a base image. The same files give the
// same bytes.
func image(version, goarch, home string, entries []entry, at time.Time) ([]byte, error) {
	layer, err := rootFiles(entries, at)
	if err != nil {
		return nil, err
	}
	packed, err := compressed(layer)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{"org.opencontainers.image.title": product, "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": license,
		"org.opencontainers.image.description": summary, "org.opencontainers.image.created": at.UTC().Format(time.RFC3339)}
	if home != "" {
		labels["org.opencontainers.image.url"] = home
	}
	var blobs []entry
	blob := func(kind string, data []byte) map[string]any {
		digest := fmt.Sprintf("%x", sha256.Sum256(data))
		blobs = append(blobs, entry{"blobs/sha256/" + digest, 0o644, data})
		return map[string]any{"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}
	}
	config, err := json.Marshal(map[string]any{
		"created": at.UTC().Format(time.RFC3339), "architecture": goarch, "os": "linux",
		"config": map[string]any{
			"User": fmt.Sprintf("%d:%d", nobody, nobody), "Entrypoint": []string{"/lictrail"}, "WorkingDir": "/data", "Labels": labels,
			"Env": []string{"HOME=/data", "LICTRAIL_DB=/data/lictrail.db", "TMPDIR=/data"}, "Volumes": map[string]any{"/data": map[string]any{}},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
	})
	if err != nil {
		return nil, err
	}
	const kind = "application/vnd.oci.image."
	described, stacked := blob(kind+"config.v1+json", config), blob(kind+"layer.v1.tar+gzip", packed)
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": kind + "manifest.v1+json", "config": described, "layers": []any{stacked}, "annotations": labels})
	if err != nil {
		return nil, err
	}
	one := blob(kind+"manifest.v1+json", manifest)
	one["platform"] = map[string]string{"os": "linux", "architecture": goarch}
	one["annotations"] = map[string]string{"org.opencontainers.image.ref.name": version, "io.containerd.image.name": product + ":" + version}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": kind + "index.v1+json", "manifests": []any{one}})
	if err != nil {
		return nil, err
	}
	blobs = append(blobs, entry{"index.json", 0o644, index}, entry{"oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)})
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, e := range sorted(blobs) {
		if err := add(t, tar.Header{Name: e.name, Mode: int64(e.mode)}, e.data, at); err != nil {
			return nil, err
		}
	}
	err = t.Close()
	return b.Bytes(), err
}

// rootFiles is the file system of the image.
func rootFiles(entries []entry, at time.Time) ([]byte, error) {
	places := map[string]string{product: product, "LICENSE": "licenses/LICENSE", "LICENSES.txt": "licenses/LICENSES.txt", "sbom.cdx.json": "licenses/sbom.cdx.json"}
	var files []entry
	for _, e := range entries {
		if to := places[e.name]; to != "" {
			files = append(files, entry{to, e.mode, e.data})
		}
	}
	if len(files) != len(places) {
		return nil, fmt.Errorf("the image has %d of its %d files", len(files), len(places))
	}
	files = append(files, entry{"etc/ssl/certs/ca-certificates.crt", 0o644, certificates()})
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, folder := range []string{"etc/", "etc/ssl/", "etc/ssl/certs/", "licenses/"} {
		if err := add(t, tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755}, nil, at); err != nil {
			return nil, err
		}
	}
	if err := add(t, tar.Header{Typeflag: tar.TypeDir, Name: "data/", Mode: 0o700, Uid: nobody, Gid: nobody}, nil, at); err != nil {
		return nil, err
	}
	for _, e := range sorted(files) {
		if err := add(t, tar.Header{Name: e.name, Mode: int64(e.mode)}, e.data, at); err != nil {
			return nil, err
		}
	}
	err := t.Close()
	return b.Bytes(), err
}

func add(t *tar.Writer, h tar.Header, data []byte, at time.Time) error {
	h.Size, h.ModTime, h.Format = int64(len(data)), at, tar.FormatPAX
	if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	if err := t.WriteHeader(&h); err != nil {
		return err
	}
	_, err := t.Write(data)
	return err
}

// certificates are the roots that Mozilla trusts without reservation: what a program
// trusts on Linux when it asks https://graph.microsoft.com.
func certificates() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
		}
	}
	return b.Bytes()
}
